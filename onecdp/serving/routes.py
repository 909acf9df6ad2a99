"""The routes of the API: one table, of which the application and the OpenAPI document are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MAX_BATCH = 100
"""Identifiers of a batch."""
MAX_RULE = 4_000
"""Characters of a rule."""

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}


@dataclass(frozen=True)
class ApiRoute:
    """A route.

    Attributes:
        method: GET or POST.
        path: As OpenAPI writes it.
        endpoint: The name of its method in `Endpoints`.
        scope: What a key needs; None asks for no key.
        summary: One line for people.
        answer: The schema of an answer of 200; None if it is no JSON.
        query: Names and descriptions of its parameters in the query.
        body: The schema of its body.
        refusals: Statuses beside those that every route may have.
        media_type: What the answer is.
        has_tag: Whether the answer has an ETag, and `If-None-Match` is understood.
    """

    method: str
    path: str
    endpoint: str
    scope: str | None
    summary: str
    answer: Schema | None
    query: dict[str, str] = field(default_factory=dict)
    body: Schema | None = None
    refusals: tuple[int, ...] = ()
    media_type: str = "application/json"
    has_tag: bool = False


def _object(required: str = "", **properties: Schema) -> Schema:
    found: Schema = {"type": "object", "properties": properties}
    return {**found, "required": required.split()} if required else found


def _body(required: str, **properties: Schema) -> Schema:
    return {**_object(required, **properties), "additionalProperties": False}


def _list(items: Schema, **more: int) -> Schema:
    return {"type": "array", "items": items, **more}


_FIELDS = "Columns, `audiences` and `live`, with commas; without it, all that the key sees."
_IS_PROVISIONAL: Schema = {
    "type": "boolean",
    "description": "True if no build has seen the identifier yet, and only recent events tell.",
}
_PROFILE = _object(
    "one_id",
    one_id=_TEXT,
    profile={"type": "object", "description": "The row of customer_profiles."},
    audiences=_list(_TEXT),
    live={"type": "object", "description": "Live features, seeds/live_features.csv."},
    is_provisional=_IS_PROVISIONAL,
)
_IDENTIFIER = _object("id_type id_value", id_type=_TEXT, id_value=_TEXT)
_ASKED = _body("id_type id_value", id_type=_TEXT, id_value=_TEXT)

PROFILE_PATH = "/v1/profiles/{id_type}/{id_value}"
PROFILE_SCOPE = "profiles:read"

ROUTES = (
    ApiRoute(
        "GET", PROFILE_PATH, "profile", PROFILE_SCOPE,
        "The profile and the audiences of the customer who has an identifier.",
        _PROFILE, {"fields": _FIELDS}, refusals=(400, 404), has_tag=True,
    ),
    ApiRoute(
        "POST", "/v1/profiles:batchGet", "profiles", PROFILE_SCOPE,
        f"Up to {MAX_BATCH} profiles, in the order asked. Plain addresses belong here, not in a"
        " path, which proxies log.",
        _object("profiles", profiles=_list(_object("found", found={"type": "boolean"}))),
        body=_body(
            "identifiers",
            identifiers=_list(_ASKED, minItems=1, maxItems=MAX_BATCH),
            fields=_list(_TEXT),
        ),
        refusals=(400,),
    ),
    ApiRoute(
        "GET", "/v1/identities/{id_type}/{id_value}", "identity", "identities:read",
        "The one_id of an identifier, and all identifiers of that customer with their confidence.",
        _object("one_id identifiers", one_id=_TEXT, identifiers=_list(_IDENTIFIER),
                is_provisional=_IS_PROVISIONAL),
        refusals=(400, 404, 409), has_tag=True,
    ),
    ApiRoute(
        "GET", "/v1/audiences", "audiences", "audiences:read",
        "All audiences, with their rules and sizes.",
        _object("audiences", audiences=_list(_object("package_id", package_id=_TEXT))),
        has_tag=True,
    ),
    ApiRoute(
        "GET", "/v1/audiences/{package}/members/{id_type}/{id_value}", "member", "audiences:read",
        "Whether a customer is in an audience.",
        _object("package_id one_id is_member", package_id=_TEXT, one_id=_TEXT,
                is_member={"type": "boolean"}, arm={"type": ["string", "null"]},
                is_provisional=_IS_PROVISIONAL),
        {"why": "`true` adds the rule and its parts with the customer's values, from the marts."},
        refusals=(400, 404, 409), has_tag=True,
    ),
    ApiRoute(
        "POST", "/v1/audiences:estimate", "estimate", "audiences:estimate",
        "How many customers a rule selects, who they are, and what they share with audiences.",
        _object("rule count customers", rule=_TEXT, count={"type": "integer"},
                customers={"type": "integer"}),
        body=_body("rule", rule={"type": "string", "maxLength": MAX_RULE}),
        refusals=(400, 409),
    ),
    ApiRoute("GET", "/healthz", "health", None, "Whether the server runs.", _object(status=_TEXT)),
    ApiRoute(
        "GET", "/readyz", "ready", None,
        "Whether every store can answer; 503 otherwise.", _object(status=_TEXT),
    ),
    ApiRoute(
        "GET", "/metrics", "metrics", "metrics:read",
        "Counts and times of the answers to this tenant's keys, for Prometheus.", None,
        media_type="text/plain",
    ),
    ApiRoute("GET", "/openapi.json", "openapi", None, "This description.", _object()),
    ApiRoute("GET", "/docs", "docs", None, "This description as a page.", None,
             media_type="text/html"),
)  # fmt: skip
