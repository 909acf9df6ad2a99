"""The OpenAPI document of the API, made of its routes, and a page of it without any script."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from onecdp import __version__
from onecdp.serving.problems import MEDIA_TYPE
from onecdp.serving.routes import ROUTES, ApiRoute
from onecdp.serving.settings import SCOPES

_PARAMETER = re.compile(r"{(\w+)}")
_REFUSALS = {
    304: "It is as `If-None-Match` says.",
    400: "The request is malformed.",
    401: "The key is missing or unknown.",
    403: "The key may not ask this.",
    404: "There is no such customer or audience.",
    409: "The audience has failed in the last build, or it is undecided whose the identifier is.",
    413: "The body is too long.",
    415: "The body is packed by something other than gzip.",
    429: "The key asked too often.",
    503: "It can't be answered now.",
}
_PARAMETERS = {
    "id_type": "A type of seeds/id_types.csv, `one_id`, or `email` or `phone` for plain values.",
    "id_value": "The identifier.",
    "package": "The package_id of the audience.",
}


def openapi_document() -> dict[str, Any]:
    """Returns the document, as OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "onecdp",
            "version": __version__,
            "description": "Profiles, identities and audiences of the newest publication.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Scopes: " + "; ".join(f"{k}: {v}" for k, v in SCOPES.items()),
                }
            },
            "schemas": {
                "Problem": {
                    "type": "object",
                    "required": ["type", "title", "status", "code", "detail"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "code": {"type": "string"},
                        "detail": {"type": "string"},
                    },
                }
            },
        },
    }


def _operation(route: ApiRoute) -> dict[str, Any]:
    text = {"type": "string"}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": text,
         "description": _PARAMETERS[name]}
        for name in _PARAMETER.findall(route.path)
    ] + [
        {"name": name, "in": "query", "required": False, "schema": text, "description": about}
        for name, about in route.query.items()
    ]  # fmt: skip
    media = {"schema": route.answer} if route.answer else {}
    answers: dict[str, Any] = {
        "200": {"description": "The answer.", "content": {route.media_type: media}},
    }
    statuses = set(route.refusals)
    if route.scope:
        statuses |= {401, 403, 429, 503}
    if route.body:
        statuses |= {400, 413, 415}
    if route.has_tag:
        statuses.add(304)
        parameters.append(
            {"name": "If-None-Match", "in": "header", "required": False, "schema": text,
             "description": "The ETag of an earlier answer."}
        )  # fmt: skip
    if route.endpoint == "ready":
        statuses.add(503)
    refusal = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted(statuses):
        answers[str(status)] = {"description": _REFUSALS[status]}
        if status != 304:
            answers[str(status)]["content"] = refusal
    operation: dict[str, Any] = {
        "operationId": route.endpoint,
        "summary": route.summary,
        "responses": answers,
    }
    if route.scope:
        operation["security"] = [{"key": []}]
        operation["x-scope"] = route.scope
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": route.body}},
        }
    return operation


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code,h2{font-family:ui-monospace,monospace}h2{font-size:1rem;margin-top:2rem}"
    "td,th{text-align:left;vertical-align:top;padding:.1rem 1rem .1rem 0}"
)


def docs_page() -> str:
    """Returns the document as HTML, which loads nothing."""
    document = openapi_document()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>onecdp API</title>'
        f"<style>{_STYLE}</style></head><body><h1>onecdp API {html.escape(__version__)}</h1>"
        f"<p>{html.escape(document['info']['description'])} Send <code>Authorization: Bearer KEY"
        '</code>. For programs: <a href="/openapi.json">openapi.json</a>.</p>'
        + "".join(_operations(document))
        + "</body></html>"
    )


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            scope = operation.get("x-scope")
            yield f"<h2>{method.upper()} {html.escape(path)}</h2>"
            yield f"<p>{html.escape(operation['summary'])}"
            yield f" Scope <code>{html.escape(scope)}</code>.</p>" if scope else " No key.</p>"
            rows = [(each["name"], each["description"]) for each in operation.get("parameters", ())]
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            rows += [
                (name, "In the body.") for name in body.get("schema", {}).get("properties", ())
            ]
            rows += [(status, each["description"])
                     for status, each in operation["responses"].items()]  # fmt: skip
            yield "<table>"
            for name, about in rows:
                yield f"<tr><th>{html.escape(name)}</th><td>{html.escape(about)}</td></tr>"
            yield "</table>"
