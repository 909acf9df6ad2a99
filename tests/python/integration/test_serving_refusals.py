"""What the API refuses: strangers, other tenants, and whatever else is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import hypothesis
import pytest
from hypothesis import strategies as st
from support.api import KEYS, Api, refused, serving
from support.api_worlds import (
    ANSWERED,
    ASKED,
    BATCH,
    INJECTIONS,
    MEMBER,
    PROFILE,
    SECRET,
    make_tenants,
)
from support.serving import Person

from onecdp.serving.routes import ROUTES, ApiRoute


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tenants(tmp_path_factory.mktemp("api"))


@pytest.fixture(scope="module")
def api(project: Path) -> Iterator[Api]:
    with serving(project) as running:
        yield running


@pytest.mark.parametrize("name", ASKED)
def test_a_route_refuses_a_missing_a_wrong_and_a_narrow_key(api: Api, name: str) -> None:
    path, document = ASKED[name]
    assert api.ask(path, document=document).ok
    assert refused(api.ask(path, None, document)) == (401, "invalid_key")
    for header in ("Bearer wrong", f"Basic {KEYS['own']}", "Bearer", "Bearer é".encode(), ""):
        answer = api.ask(path, None, document, headers={"Authorization": header})
        assert refused(answer) == (401, "invalid_key")
        assert answer.headers["www-authenticate"] == "Bearer"
    narrow = "few" if name == "metrics" else "none"
    assert refused(api.ask(path, narrow, document)) == (403, "scope_missing")


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
    answer = api.ask(f"/v1/profiles/member_id/{'x' * 70_000}")
    assert refused(answer) == (400, "invalid_request")


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
