"""What the API answers over HTTP, to whom, and what it logs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from support.api import KEYS, Api, make_api_project, refused, serving
from support.api_worlds import ASKED, BATCH, IDENTITY, MEMBER, OWN, PROFILE, RULE, make_tenants
from support.cli import clean_environment
from support.serving import Person, publish_world

from onecdp.serving.routes import ROUTES


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tenants(tmp_path_factory.mktemp("api"))


@pytest.fixture(scope="module")
def api(project: Path) -> Iterator[Api]:
    with serving(project) as running:
        yield running


def test_every_route_with_a_key_is_asked_here() -> None:
    assert set(ASKED) == {route.endpoint for route in ROUTES if route.scope}


def test_who_is_this_what_is_known_and_in_which_audiences(api: Api) -> None:
    answer = api.ask(PROFILE)
    assert answer.status_code == 200
    document = answer.json()
    assert document["one_id"] == Person(1).one_id
    assert document["profile"]["gross_revenue"] == 10.25
    assert document["audiences"] == ["PKG001"]
    assert api.ask(f"{PROFILE}?fields=level, audiences").json() == {
        "one_id": Person(1).one_id, "profile": {"level": "gold"}, "audiences": ["PKG001"]
    }  # fmt: skip
    assert api.ask(f"{PROFILE}?fields=").json()["profile"] == {}

    # Any identifier, in any spelling, with any character.
    for path in (
        "device_id/" + quote("a/b c?d", safe=""), "device_id/a/b%20c%3Fd", "MEMBER_ID/%20M1%20",
        "one_id/" + Person(1).one_id.lower(), "email_hash/" + "A" * 64, "member_id/%0AM1%0A",
    ):  # fmt: skip
        for more in ("", "?fields=level"):
            answer = api.ask(f"/v1/profiles/{path}{more}").json()
            assert answer["one_id"] == Person(1).one_id, path

    known = api.ask(IDENTITY).json()
    assert known["one_id"] == Person(1).one_id
    assert [each["id_type"] for each in known["identifiers"]] == [
        "device_id", "email_hash", "member_id"
    ]  # fmt: skip
    assert known["identifiers"][2]["confidence"] == 0.9
    members = [api.ask(f"/v1/audiences/PKG001/members/member_id/M{n}").json() for n in (1, 2)]
    assert [each["is_member"] for each in members] == [True, False]
    (first, failed) = api.ask("/v1/audiences").json()["audiences"]
    assert (first["package_id"], first["customer_count"]) == ("PKG001", 2)
    assert (failed["status"], failed["error"]) == ("failed", "unknown tag no")


def test_the_direct_answer_is_that_of_the_route(api: Api) -> None:
    for key in ("own", "narrow"):
        for path in ("member_id/M1", "device_id/a%2Fb%20c%3Fd", "one_id/" + Person(2).one_id,
                     "email_hash/" + "A" * 64):  # fmt: skip
            direct = api.ask(f"/v1/profiles/{path}", key)
            # The route sees to a question with a query.
            routed = api.ask(f"/v1/profiles/{path}?why=none", key)
            assert direct.content == routed.content
            assert {**direct.headers, "date": ""} == {**routed.headers, "date": ""}


def test_a_batch_answers_in_the_order_asked(api: Api) -> None:
    pairs = [("member_id", "M2"), ("member_id", "M9"), ("cookie", "x"), ("email", "no address"),
             ("device_id", "D3")]  # fmt: skip
    asked = [{"id_type": t, "id_value": v} for t, v in pairs]
    answer = api.ask("/v1/profiles:batchGet", document={"identifiers": asked, "fields": ["level"]})
    assert answer.json() == {
        "profiles": [
            {"found": True, "one_id": Person(2).one_id, "profile": {"level": "silver"}},
            {"found": False, "code": "not_found"},
            {"found": False, "code": "unknown_id_type"},
            {"found": False, "code": "invalid_identifier"},
            {"found": True, "one_id": Person(3).one_id, "profile": {"level": None}},
        ]
    }


def test_a_rule_is_estimated_and_a_membership_explained(api: Api) -> None:
    answer = api.ask("/v1/audiences:estimate", document=RULE).json()
    assert (answer["count"], answer["customers"]) == (1, 3)
    assert answer["overlaps"][0]["package_id"] == "PKG001"
    why = api.ask(f"{MEMBER}?why=true").json()
    assert (why["is_member"], why["rule"]) == (True, "gold")
    assert (why["arm"], why["consent"]) == ("treatment", None)
    assert why["leaves"][0]["is_true"] is True
    assert refused(api.ask("/v1/audiences/PKG001/members/member_id/M9?why=true")) == (
        404, "not_found"
    )  # fmt: skip


def test_a_key_sees_its_fields_alone(api: Api) -> None:
    assert api.ask(PROFILE, "narrow").json() == {
        "one_id": Person(1).one_id, "profile": {"level": "gold"}
    }  # fmt: skip
    assert [each["id_type"] for each in api.ask(IDENTITY, "narrow").json()["identifiers"]] == [
        "member_id"
    ]
    assert refused(api.ask(f"{PROFILE}?fields=real_name", "narrow")) == (403, "field_not_allowed")
    assert refused(api.ask(f"{MEMBER}?why=true", "narrow")) == (403, "field_not_allowed")
    batch = {**BATCH, "fields": ["audiences"]}
    answer = api.ask("/v1/profiles:batchGet", "narrow", batch)
    assert refused(answer) == (403, "field_not_allowed")


def test_an_unchanged_publication_is_not_sent_again(api: Api) -> None:
    tags = {}
    for name in ("profile", "identity", "audiences", "member"):
        path, _ = ASKED[name]
        answer = api.ask(path)
        tags[name] = answer.headers["etag"]
        assert answer.headers["cache-control"] == "private, no-cache"
        for known in (tags[name], f'"x", W/{tags[name]}', "*"):
            again = api.ask(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
        # Another view on it; and a customer who isn't there.
        narrow = api.ask(path, "narrow", headers={"If-None-Match": tags[name]})
        assert narrow.status_code == 200
    gone = api.ask("/v1/profiles/member_id/M9", headers={"If-None-Match": tags["profile"]})
    assert gone.status_code == 404
    # What would be refused without the header is refused with it.
    for key, field, status in (("own", "nothing", 400), ("narrow", "real_name", 403)):
        sent = {"If-None-Match": api.ask(PROFILE, key).headers["etag"]}
        assert api.ask(f"{PROFILE}?fields={field}", key, headers=sent).status_code == status
        assert api.ask(f"{PROFILE}?fields=level", key, headers=sent).status_code == 304


def test_a_key_has_a_rate_of_its_own(api: Api) -> None:
    statuses = [api.ask(PROFILE, "slow").status_code for _ in range(8)]
    assert statuses[:2] == [200, 200]
    assert statuses[-1] == 429
    answer = api.ask("/v1/audiences", "slow")
    assert refused(answer) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1
    assert api.ask(PROFILE).ok


def test_health_docs_and_figures(api: Api) -> None:
    for path in ("/healthz", "/readyz"):
        assert api.ask(path, None).json() == {"status": "ok"}
    page = api.ask("/docs", None)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    # No script, no style and no picture from elsewhere.
    assert "http" not in page.text
    assert "<script" not in page.text
    assert all(route.path in page.text for route in ROUTES)
    assert api.ask("/openapi.json", None).json()["openapi"] == "3.1.0"
    figures = api.ask("/metrics").text
    assert 'onecdp_requests_total{route="/v1/audiences",status="200"}' in figures
    assert "M1" not in figures
    others = api.ask("/metrics", "other").text
    assert others != figures


def test_the_log_has_keys_and_routes_and_no_person(project: Path) -> None:
    with serving(project) as running:
        running.ask(f"{PROFILE}?fields=level")
        running.ask("/v1/profiles/email/bob%40example.com", "narrow")
        running.ask("/v1/profiles/member_id/M1", None)
        running.ask("/v1/nothing/M1")
        said = running.stop()
    lines = [line.split(" ", 2)[2].rsplit(" ", 2)[0] for line in said.splitlines()[:-1]]
    assert lines == [
        "default.own GET /v1/profiles/{id_type}/{id_value} 200",
        "default.narrow GET /v1/profiles/{id_type}/{id_value} 404",
        "- GET /v1/profiles/{id_type}/{id_value} 401",
        "- GET none 404",
    ]
    assert "M1" not in said
    assert "bob" not in said
    assert KEYS["own"] not in said


def test_a_key_is_made_once_and_only_its_hash_is_kept(project: Path, tmp_path: Path) -> None:
    made = make_api_project(tmp_path / "project", "[serving]\nonline_store = true")

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "onecdp", *args, "--project-dir", str(made)],
            env=clean_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert "nobody could ask anything" in run("serve").stderr
    done = run("serve-key", "web", "--scope", "profiles:read", "--field", "level", "--rate", "9")
    assert done.returncode == 0, done.stderr
    key = done.stdout.strip()
    secrets = (made / ".dlt/secrets.toml").read_text()
    assert key not in secrets
    assert key not in done.stderr
    again = run("serve-key", "web", "--scope", "profiles:read")
    assert (again.returncode, again.stdout) == (2, "")
    assert "[serving.keys.web] is there already" in again.stderr
    missing = run("serve")
    assert missing.returncode == 1
    assert "online.sqlite isn't there; set online_store = true" in missing.stderr
    publish_world(made / "warehouse", OWN)
    with serving(made) as running:
        answer = running.ask(PROFILE, None, headers={"Authorization": f"Bearer {key}"})
        assert answer.json()["profile"] == {"level": "gold"}
