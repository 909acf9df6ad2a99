"""Who is this, and in which audience: also of an identifier that no build has seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.api import Api, refused, serving
from support.api_worlds import make_tenants
from support.live_worlds import event
from support.serving import Person

from onecdp.live.state import LiveState

M1, M2 = ("member_id", "M1"), ("member_id", "M2")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    project = make_tenants(tmp_path_factory.mktemp("api"))
    state = LiveState(project / "warehouse" / "live.sqlite")
    state.take("a", 1, [
        (1, event("E1", M1, ("device_id", "new"))), (1, event("E2", M1, ("device_id", "both"))),
        (1, event("E3", M2, ("device_id", "both"))), (1, event("E4", ("device_id", "alone"))),
    ])  # fmt: skip
    state.close()
    with serving(project) as running:
        yield running


def test_provisional_identifier_is_the_customers_in_every_answer(api: Api) -> None:
    for path in (
        "/v1/identities/device_id/new", "/v1/profiles/device_id/new",
        "/v1/audiences/PKG001/members/device_id/new",
    ):  # fmt: skip
        answer = api.ask(path)
        assert answer.ok, (path, answer.text)
        assert answer.json()["one_id"] == Person(1).one_id
        assert answer.json()["is_provisional"] is True
        # By the next build it may be somebody else's.
        assert (answer.headers["cache-control"], answer.headers.get("etag")) == ("no-store", None)
    member = api.ask("/v1/audiences/PKG001/members/device_id/new").json()
    assert (member["is_member"], member["arm"]) == (True, "treatment")
    why = api.ask("/v1/audiences/PKG001/members/device_id/new?why=true").json()
    known = api.ask("/v1/audiences/PKG001/members/member_id/M1?why=true").json()
    assert why == {**known, "is_provisional": True}


def test_undecided_identifier_is_nobodys_yet(api: Api) -> None:
    for path in (
        "/v1/identities/device_id/both", "/v1/audiences/PKG001/members/device_id/both",
        "/v1/audiences/PKG001/members/device_id/both?why=true",
    ):  # fmt: skip
        assert refused(api.ask(path)) == (409, "undecided"), path
    for path in (
        "/v1/identities/device_id/alone", "/v1/audiences/PKG001/members/device_id/alone",
        "/v1/audiences/PKG001/members/device_id/alone?why=true",
        "/v1/profiles/device_id/both",
    ):  # fmt: skip
        assert refused(api.ask(path)) == (404, "not_found"), path
