"""What the pages on identity have to say, and the default that was calibrated."""

from __future__ import annotations

import yaml
from support.line import REPOSITORY


def page(name: str) -> str:
    return " ".join((REPOSITORY / "docs" / name).read_text().split())


def test_which_links_count_towards_shared_values_and_windows() -> None:
    text = page("identity.md")
    assert "active links at or above `identity_min_confidence`" in text


def test_hubs_stand_beside_max_values_for_people_of_many_accounts() -> None:
    text = page("probabilistic.md")
    start = text.index("raises `max_values` of `member_id`")
    assert "`identity_shared_value_hubs`" in text[start - 500 : start + 500]


def test_default_of_probabilistic_links_is_calibrated() -> None:
    """At the default, the page shows a precision of .9995 or more, with typos and with twins."""
    project = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text())
    threshold = project["vars"]["identity_probabilistic_merge"]
    text = page("probabilistic.md").lower()
    assert threshold != 0.99
    assert str(threshold) in text
    assert "typos" in text
    assert "twins" in text
    assert "0.9995" in text
