"""Files of advertising platforms: hashes as they are, and nothing that is no hash."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest
from support.deliveries import Marts, counts


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# By customer: e-mail and phone as the marts have them.
VALUES: list[tuple[str | None, str | None]] = [
    (sha("a@x.org").upper(), sha("+491701")),
    (sha("b@x.org"), None),
    (None, sha("+491703")),
    # No hashes: MD5, an address, and the hash of an empty text.
    (hashlib.md5(b"c@x.org").hexdigest(), "+491704"),
    ("d@x.org", sha("")),
    ("", sha("+491706")),
    (None, None),
    # Two customers with one phone.
    (sha("h@x.org"), sha("+491700")),
    (sha("i@x.org"), sha("+491700")),
]


@pytest.fixture
def marts(tmp_path: Path) -> Marts:
    made = Marts(tmp_path / "project")
    publish(made, VALUES)
    return made


def publish(marts: Marts, values: list[tuple[str | None, str | None]], *more: str) -> None:
    def text(value: str | None) -> str:
        return "null" if value is None else f"'{value}'"

    updates = [
        f"update customer_profiles set email_hash = {text(email)}, mobile_hash = {text(phone)}"
        f" where one_int = {number}"
        for number, (email, phone) in enumerate(values, 1)
    ]
    every = (
        "delete from audience_packages",
        "insert into audience_packages select 'PKG001', 'All', 'all', one_id, rfm_segment,"
        " timestamp '2026-06-06', 'treatment' from customer_profiles",
    )
    marts.publish(len(values), *updates, *every, *more)


def rows(file: Path) -> list[tuple[str, ...]]:
    with file.open(newline="") as stream:
        return [tuple(row) for row in csv.reader(stream)]


@pytest.mark.parametrize(
    ("platform", "phone_hash", "header", "takes_phones"),
    [
        ("google", "e164", ("Email", "Phone"), True),
        ("google", "digits", ("Email", "Phone"), False),
        ("tiktok", "e164", ("Email_SHA256", "Phone_SHA256"), True),
        # Meta hashes phones without their plus: a hash with it would match nobody.
        ("meta", "e164", ("email", "phone"), False),
        ("meta", "digits", ("email", "phone"), True),
    ],
)
def test_each_platform_gets_hashes_it_can_match(
    marts: Marts, tmp_path: Path, platform: str, phone_hash: str, header: tuple[str, ...],
    takes_phones: bool,
) -> None:  # fmt: skip
    (receipt,) = marts.deliver(
        f"{tmp_path}/out", "PKG001", platform=platform, phone_hash=phone_hash
    )
    found = rows(tmp_path / "out" / f"PKG001.{platform}.csv")
    assert found[0] == header
    wanted = [
        (sha("a@x.org"), sha("+491701")),
        (sha("b@x.org"), ""),
        ("", sha("+491703")),
        ("", sha("+491706")),
        (sha("h@x.org"), sha("+491700")),
        (sha("i@x.org"), sha("+491700")),
    ]
    if not takes_phones:
        wanted = [(email, "") for email, _ in wanted if email]
    assert found[1:] == wanted
    assert receipt["details"]["emails_left_out"] == 3
    assert receipt["details"]["phones_left_out"] == (2 if takes_phones else 7)
    assert sha("") not in str(found)


def test_a_difference_removes_by_hash_and_keeps_what_others_have(
    marts: Marts, tmp_path: Path
) -> None:
    to = f"{tmp_path}/out"
    (receipt,) = marts.deliver(to, "PKG001", platform="google", diff=True)
    assert counts(receipt) == (6, 0, 0, 0)
    values = list(VALUES)
    values[0] = (sha("new@x.org"), sha("+491701"))
    values[8] = (None, None)
    publish(marts, values, "delete from audience_packages where one_id = format('ONE{:016x}', 2)")
    (receipt,) = marts.deliver(to, "PKG001", platform="google", diff=True)
    assert counts(receipt) == (0, 1, 2, 3)
    added = rows(tmp_path / "out" / "PKG001.google.diff-000002.added.csv")[1:]
    removed = rows(tmp_path / "out" / "PKG001.google.diff-000002.removed.csv")[1:]
    assert added == [(sha("new@x.org"), sha("+491701"))]
    # The phone of the first is still hers, and that of the ninth still the eighth's.
    assert removed == [(sha("a@x.org"), ""), (sha("b@x.org"), ""), (sha("i@x.org"), "")]
