"""The API over HTTP: what it answers and refuses, whose data it shows, and what it logs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import hypothesis
import pytest
from hypothesis import strategies as st
from support.api import KEYS, Api, make_api_project, refused, serving, settings
from support.cli import clean_environment
from support.serving import Person, World, build_world, publish_world

from onecdp.serving.routes import ROUTES, ApiRoute
from onecdp.warehouse.files import Warehouse

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


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    other = folder / "other"
    other.mkdir()
    publish_world(other, OTHER)
    made = make_api_project(folder / "project", settings(other, "access_log = true"))
    publish_world(made / "warehouse", OWN)
    return made


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
        "one_id/" + Person(1).one_id.lower(), "email_hash/" + "A" * 64,
    ):  # fmt: skip
        assert api.ask(f"/v1/profiles/{path}").json()["one_id"] == Person(1).one_id, path

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


@pytest.mark.parametrize("name", ASKED)
def test_a_route_refuses_a_missing_a_wrong_and_a_narrow_key(api: Api, name: str) -> None:
    path, document = ASKED[name]
    assert api.ask(path, document=document).ok
    assert refused(api.ask(path, None, document)) == (401, "invalid_key")
    for header in ("Bearer wrong", f"Basic {KEYS['own']}", "Bearer", "Bearer é".encode(), ""):
        answer = api.ask(path, None, document, headers={"Authorization": header})
        assert refused(answer) == (401, "invalid_key")
        assert answer.headers["www-authenticate"] == "Bearer"
    if name != "metrics":
        assert refused(api.ask(path, "none", document)) == (403, "scope_missing")


@pytest.mark.parametrize("name", ANSWERED)
def test_a_route_shows_the_other_tenant_its_own_data_alone(api: Api, name: str) -> None:
    path, document = ASKED[name]
    answer = api.ask(path, "other", document)
    if name in ("profile", "identity", "member"):
        assert refused(answer) == (404, "not_found")
    elif name == "profiles":
        assert answer.json() == {"profiles": [{"found": False, "code": "not_found"}]}
    elif name == "estimate":
        # An unknown tag; the nearest names are those of the tenant.
        assert refused(answer) == (400, "invalid_rule")
        assert "silver" not in answer.text
    else:
        assert [each["package_id"] for each in answer.json()["audiences"]] == [
            f"PKG-{SECRET}", "PKG002"
        ]  # fmt: skip


@hypothesis.given(
    key=st.sampled_from(["own", "narrow", "none", None]),
    route=st.sampled_from(ANSWERED),
    id_type=st.sampled_from(["member_id", "cookie", "one_id", "email"]),
    number=st.integers(1, 4),
    package=st.sampled_from([f"PKG-{SECRET}", "PKG002", "PKG001"]),
)
@hypothesis.settings(max_examples=60)
def test_no_key_of_one_tenant_shows_anything_of_another(
    api: Api, key: str | None, route: str, id_type: str, number: int, package: str
) -> None:
    value = Person(number).one_id if id_type == "one_id" else f"{SECRET}{number}"
    one = {"id_type": id_type, "id_value": value}
    path, document = {
        "profile": (f"/v1/profiles/{id_type}/{value}", None),
        "profiles": ("/v1/profiles:batchGet", {"identifiers": [one, one]}),
        "identity": (f"/v1/identities/{id_type}/{value}", None),
        "audiences": ("/v1/audiences", None),
        "member": (f"/v1/audiences/{package}/members/{id_type}/{value}?why=true", None),
        "estimate": ("/v1/audiences:estimate", {"rule": f'"level {SECRET}" OR audience:{package}'}),
    }[route]
    answer = api.ask(path, key, document)
    shown = answer.text
    if route == "estimate":
        # A refusal quotes the rule of the request.
        shown = shown.replace(f"level {SECRET}", "").replace(f"PKG-{SECRET}", "")
    assert SECRET not in shown
    assert "PKG002" not in shown or route == "estimate"


@pytest.mark.parametrize("name", ["profiles", "estimate"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "invalid_json")),
        (b"[" * 100_000, (400, "invalid_json")),
        (b"[1]", (400, "invalid_request")),
        (b"{}", (400, "invalid_request")),
        (b'{"rule": 1, "identifiers": "x"}', (400, "invalid_request")),
        (b'{"identifiers": [], "rule": ""}', (400, "invalid_request")),
        (b'{"identifiers": [{"id_type": 1, "id_value": null}]}', (400, "invalid_request")),
        (json.dumps({**BATCH, "fields": "level"}).encode(), (400, "invalid_request")),
        (json.dumps({**BATCH, "fields": None}).encode(), (400, "invalid_request")),
        (json.dumps({**BATCH, "more": 1}).encode(), (400, "invalid_request")),
        (json.dumps({"identifiers": BATCH["identifiers"] * 101}).encode(),
         (400, "invalid_request")),
        (json.dumps({"rule": "x" * 4_001}).encode(), (400, "invalid_request")),
        (b" " * 300_000, (413, "too_large")),
    ],
)  # fmt: skip
def test_a_malformed_body_is_refused(
    api: Api, name: str, body: bytes, expected: tuple[int, str]
) -> None:
    assert refused(api.ask(ASKED[name][0], document=body)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/profiles/cookie/x", (400, "unknown_id_type")),
        ("/v1/profiles/phone/12", (400, "invalid_identifier")),
        ("/v1/profiles/member_id/" + "x" * 1_100, (400, "invalid_identifier")),
        ("/v1/profiles/member_id/", (404, "not_found")),
        ("/v1/profiles/device_id/former", (404, "not_found")),
        (f"{PROFILE}?fields=nothing", (400, "unknown_field")),
        (f"{MEMBER}?why=perhaps", (400, "invalid_request")),
        ("/v1/audiences/PKG002/members/member_id/M1", (404, "not_found")),
        ("/v1/audiences/PKG009/members/member_id/M1", (409, "audience_failed")),
        ("/v1/nothing", (404, "not_found")),
        ("/v1/profiles", (404, "not_found")),
        ("//v1/profiles/member_id/M1", (404, "not_found")),
        ("/v1/../metrics/", (404, "not_found")),
    ],
)  # fmt: skip
def test_a_malformed_path_is_refused(api: Api, path: str, expected: tuple[int, str]) -> None:
    assert refused(api.ask(path)) == expected


def test_another_method_is_refused(api: Api) -> None:
    answer = api.ask(PROFILE, method="DELETE")
    assert refused(answer) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]
    assert api.ask(f"/v1/profiles/member_id/{'x' * 70_000}").status_code == 400


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_is_sent_is_a_value_and_nothing_else(api: Api, text: str) -> None:
    inside = quote(text, safe="")
    for path in ("profiles/member_id/{}", "profiles/{}/M1", "identities/member_id/{}",
                 "audiences/{}/members/member_id/M1", "audiences/PKG001/members/member_id/{}",
                 "profiles/member_id/M1?fields={}"):  # fmt: skip
        status, _ = refused(api.ask("/v1/" + path.format(inside)))
        assert status in (400, 404), path
    one = {"id_type": "member_id", "id_value": text}
    batch = api.ask("/v1/profiles:batchGet", document={"identifiers": [one]})
    assert batch.json() == {"profiles": [{"found": False, "code": "not_found"}]}
    rules = [api.ask("/v1/audiences:estimate", document={"rule": rule})
             for rule in (text, f'"{text}"', f"monetary >= {text}")]  # fmt: skip
    assert {refused(answer)[0] for answer in rules} == {400}


@hypothesis.given(
    route=st.sampled_from([route for route in ROUTES if route.scope]),
    texts=st.lists(st.text(max_size=20), min_size=3, max_size=3),
    query=st.dictionaries(st.sampled_from(["fields", "why"]), st.text(max_size=9), max_size=2),
    body=st.one_of(
        st.binary(max_size=50),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["identifiers", "fields", "rule", "id_type", "id_value"]), inner
                )
            ),
            max_leaves=8,
        ).map(lambda document: json.dumps(document).encode()),
    ),
)
@hypothesis.settings(max_examples=80)
def test_nothing_that_is_sent_is_an_error_of_the_server(
    api: Api, route: ApiRoute, texts: list[str], query: dict[str, str], body: bytes
) -> None:
    parts = dict(zip(("id_type", "id_value", "package"), texts, strict=True))
    path = re.sub(r"{(\w+)}", lambda found: quote(parts[found[1]], safe=""), route.path)
    answer = api.ask(path, document=body if route.body else None, params=query)
    assert answer.status_code < 500, answer.text
    kinds = ("application/problem+json", route.media_type)
    assert answer.headers["content-type"].startswith(kinds)


def test_half_a_character_in_a_body_is_no_error(api: Api) -> None:
    body = b'{"identifiers": [{"id_type": "member_id", "id_value": "\\ud83d"}]}'
    answer = api.ask("/v1/profiles:batchGet", document=body)
    assert answer.json() == {"profiles": [{"found": False, "code": "not_found"}]}
    assert refused(api.ask("/v1/audiences:estimate", document=b'{"rule": "\\ud83d"}'))[0] == 400


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


def test_a_new_publication_is_served_by_itself(tmp_path: Path) -> None:
    """While it is published again and again, nobody gets an error or two of them in one answer."""
    (tmp_path / "other").mkdir()
    publish_world(tmp_path / "other", OTHER)
    project = make_api_project(tmp_path / "project", settings(tmp_path / "other"))
    numbers = range(1, 40)

    def publish(day: int) -> None:
        people = tuple(Person(n, f"day {day}", (f"member_id:M{n}",)) for n in numbers)
        publish_world(project / "warehouse", World(people, {f"day {day}": numbers}))

    publish(0)
    batch = {"identifiers": [{"id_type": "member_id", "id_value": f"M{n}"} for n in numbers]}
    with serving(project) as api:
        seen: list[str] = []
        for day in range(1, 4):
            publish(day)
            while not seen or seen[-1] != f"day {day}":
                answer = api.ask("/v1/profiles:batchGet", document=batch)
                assert answer.status_code == 200
                profiles = answer.json()["profiles"]
                (state,) = {(p["profile"]["level"], *p["audiences"]) for p in profiles}
                assert state[0] == state[1]
                seen.append(state[0])
        assert {"day 1", "day 2", "day 3"} <= set(seen)
        assert seen == sorted(seen)
        assert "onecdp_publications_total 4" in api.ask("/metrics").text
        (project / "warehouse" / "online.sqlite").unlink()
        # Whoever is erased now would be in the file that is still open.
        while api.ask("/readyz", None).ok:
            time.sleep(0.02)
        for name in ANSWERED:
            if name != "estimate":
                path, document = ASKED[name]
                assert refused(api.ask(path, document=document)) == (503, "no_store")
        assert api.ask("/healthz", None).ok
        assert api.ask("/v1/audiences", "other").ok


PUBLISH = """
import sys
from pathlib import Path
from onecdp.pipeline.publish import publish_marts
from onecdp.serving import write_store
from onecdp.warehouse.files import Warehouse
print(flush=True)
publish_marts(Warehouse(Path(sys.argv[1])), has_store=True)
"""


@pytest.mark.soak
def test_publications_killed_at_any_moment_leave_whole_stores(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    publish_world(tmp_path / "other", OTHER)
    project = make_api_project(tmp_path / "project", settings(tmp_path / "other"))
    warehouse, numbers = Warehouse(project / "warehouse"), range(1, 200)

    def world(day: int) -> World:
        people = tuple(Person(n, f"day {day}", (f"member_id:M{n}",)) for n in numbers)
        return World(people, {f"day {day}": numbers})

    # Of other marts, so that the first one below has all to write, and says how long that takes.
    publish_world(warehouse.folder, world(99))
    asked = [{"id_type": "member_id", "id_value": f"M{n}"} for n in range(1, 100)]
    killed, seen = 0, set()
    with serving(project) as api:

        def look() -> str:
            answer = api.ask("/v1/profiles:batchGet", document={"identifiers": asked})
            assert answer.status_code == 200
            (state,) = {(p["profile"]["level"], *p["audiences"]) for p in answer.json()["profiles"]}
            assert state[0] == state[1]
            return str(state[0])

        undisturbed = 0.0
        for day in range(12):
            build_world(warehouse, world(day))
            publishing = subprocess.Popen(
                [sys.executable, "-c", PUBLISH, str(warehouse.folder)],
                env=clean_environment(), stdout=subprocess.PIPE,
            )  # fmt: skip
            assert publishing.stdout is not None
            publishing.stdout.readline()
            began = time.monotonic()
            # The first one is not killed; the others from its start to its end.
            while publishing.poll() is None and (
                day == 0 or time.monotonic() - began < undisturbed * day / 10
            ):
                seen.add(look())
            undisturbed = undisturbed or time.monotonic() - began
            publishing.kill()
            killed += publishing.wait() == -signal.SIGKILL
            publishing.stdout.close()
            seen.add(look())
        publish_world(warehouse.folder, world(12))
        while (last := look()) != "day 12":
            seen.add(last)
    assert killed >= 4, (killed, undisturbed)
    assert not list(warehouse.folder.glob("*.tmp*"))
    assert len(seen) > 1


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
