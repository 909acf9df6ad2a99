"""What the API answers about identifiers that only recent events know."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.api import Api, refused, serving
from support.api_worlds import make_tenants
from support.live_worlds import event
from support.serving import Person

from onecdp.live.state import LiveState
from onecdp.serving.erase_store import erase_from_store
from onecdp.warehouse.files import Warehouse

M1, M3 = ("member_id", "M1"), ("device_id", "D3")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_tenants(tmp_path_factory.mktemp("live"), more="")
    now = time.time_ns() // 1_000
    found = [
        event("E1", M1, ("device_id", "NEW"), at=now),
        event("E2", M1, M3, ("device_id", "BOTH"), at=now),
        event("E3", M3, ("openid", "first-of-its-type"), at=now),
    ]
    state = LiveState(made / "warehouse/live.sqlite")
    state.take("a", 3, list(enumerate(found, start=1)))
    state.close()
    (made / "seeds").mkdir()
    (made / "seeds/id_types.csv").write_text("id_type,max_values\nmember_id,\nOpenID ,\n")
    return made


@pytest.fixture(scope="module")
def api(project: Path) -> Iterator[Api]:
    with serving(project) as running:
        yield running


def test_a_provisional_identifier_is_in_the_audiences_of_its_profile(api: Api) -> None:
    profile = api.ask("/v1/profiles/device_id/NEW").json()
    assert (profile["one_id"], profile["audiences"]) == (Person(1).one_id, ["PKG001"])
    known = api.ask("/v1/audiences/PKG001/members/member_id/M1")

    path = "/v1/audiences/PKG001/members/device_id/NEW"
    answer = api.ask(path, headers={"If-None-Match": known.headers["etag"]})

    assert answer.json() == {**known.json(), "is_provisional": True}
    # It may be another customer's in a moment, with the same publication.
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    why = api.ask(f"{path}?why=true").json()
    assert (why["one_id"], why["is_member"]) == (Person(1).one_id, True)
    assert why["is_provisional"] is True
    both = api.ask("/v1/audiences/PKG001/members/device_id/BOTH")
    assert refused(both) == (409, "undecided")
    assert refused(api.ask("/v1/audiences/PKG001/members/device_id/NONE")) == (404, "not_found")


def test_a_type_of_the_seed_that_no_customer_has_yet_is_a_type(api: Api) -> None:
    for path, expected in (("openid/nobody", 404), ("openid/first-of-its-type", 200)):
        assert api.ask(f"/v1/profiles/{path}").status_code == expected
    assert api.ask("/v1/identities/OPENID/first-of-its-type").json()["is_provisional"] is True
    assert refused(api.ask("/v1/profiles/cookie/x")) == (400, "unknown_id_type")


def test_who_was_erased_is_not_explained_by_the_marts(tmp_path: Path) -> None:
    """They have the person until the erasure has built and published."""
    project = make_tenants(tmp_path, more="")
    path = "/v1/audiences/PKG001/members/member_id/M1"
    with serving(project) as api:
        assert api.ask(f"{path}?why=true").ok
        erase_from_store(Warehouse(project / "warehouse"), [M1, ("email_hash", "a" * 64)], [1])
        while api.ask(path).ok:
            time.sleep(0.02)
        assert refused(api.ask(f"{path}?why=true")) == (404, "not_found")


def test_figures_are_told_also_while_the_recent_events_are_gone(project: Path) -> None:
    """Deleting the file loses nothing but time; the server looks for it once in a while."""
    secrets = project / ".dlt/secrets.toml"
    secrets.write_text(
        secrets.read_text().replace("refresh_seconds = 0.05", "refresh_seconds = 60")
    )
    with serving(project) as api:
        for file in (project / "warehouse").glob("live.sqlite*"):
            file.unlink()
        assert api.ask("/metrics").ok
