"""The two tenants whose data the tests of the API ask for, and a right question for each route."""

from __future__ import annotations

from pathlib import Path

from support.api import make_api_project, settings
from support.serving import Person, World, publish_world

OWN = World(
    (
        Person(1, "gold", ("member_id:M1", "device_id:a/b c?d", "email_hash:" + "a" * 64)),
        Person(2, "silver", ("member_id:M2",), ("device_id:former",)),
        Person(3, None, ("device_id:D3",)),
    ),
    {"PKG001": (1, 3)},
    failed=("PKG009",),
)
SECRET = "of-the-other-tenant"
OTHER = World(
    tuple(
        Person(n, f"level {SECRET}", (f"member_id:{SECRET}{n}", f"cookie:{SECRET}{n}"))
        for n in range(1, 5)
    ),
    {f"PKG-{SECRET}": (1, 2, 3, 4), "PKG002": (1,)},
)
PROFILE = "/v1/profiles/member_id/M1"
IDENTITY = "/v1/identities/member_id/M1"
MEMBER = "/v1/audiences/PKG001/members/member_id/M1"
BATCH = {"identifiers": [{"id_type": "member_id", "id_value": "M1"}]}
RULE = {"rule": "gold"}
ASKED: dict[str, tuple[str, object]] = {
    "profile": (PROFILE, None),
    "profiles": ("/v1/profiles:batchGet", BATCH),
    "identity": (IDENTITY, None),
    "audiences": ("/v1/audiences", None),
    "member": (MEMBER, None),
    "estimate": ("/v1/audiences:estimate", RULE),
    "metrics": ("/metrics", None),
}
"""A right question for each route that needs a key."""
ANSWERED = [name for name in ASKED if name != "metrics"]
INJECTIONS = [
    "' or 1=1 --", '"; drop table customers', "../../etc/passwd", "\x00", "%00", "é\u2028",
    "{{7*7}}", "*", "%", "ONE", "\U0001f600",
]  # fmt: skip


def make_tenants(folder: Path, more: str = "access_log = true") -> Path:
    """Publishes both; returns the project, whose keys are those of `support.api`."""
    other = folder / "other"
    other.mkdir()
    publish_world(other, OTHER)
    made = make_api_project(folder / "project", settings(other, more))
    publish_world(made / "warehouse", OWN)
    return made
