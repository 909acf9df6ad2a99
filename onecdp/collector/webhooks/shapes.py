"""Which rows a webhook's call is: shapes that ship, and those that a project declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import parse_qsl

import orjson

from onecdp.collector.times import as_iso_time
from onecdp.collector.webhooks.signatures import Signature
from onecdp.identity.personal import hash_address, hash_phone, without_addresses
from onecdp.project.personal_data import DEFAULT, PersonalData

Row = dict[str, str | None]
Paths = Sequence[str]

TABLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "support": (
        "support/tickets",
        (
            "ticket_id", "requester_email", "requester_phone", "customer_id", "status", "priority",
            "created_at", "updated_at", "solved_at",
        ),
    ),
    "email": ("email/events", ("event_id", "event_type", "email", "campaign_id", "event_time")),
}  # fmt: skip
"""By source: the folder for its rows, and their columns."""
TICKETS = "support/tickets/webhooks"
"""Where rows of tickets go."""
WEBHOOK_FOLDERS = frozenset(f"{folder}/webhooks" for folder, _ in TABLES.values())
"""Where rows of webhooks go, also of those that are not set any more."""
_ABSENT = object()
"""In place of a value that a call does not name."""
REQUIRED = ("ticket_id", "event_id", "event_type")
_HASHES = {"requester_email": hash_address, "email": hash_address, "requester_phone": hash_phone}
_TIMES = ("created_at", "updated_at", "solved_at", "event_time")


class BadShape(ValueError):
    """A shape that can't work; the message is for the user."""


class BadCall(Exception):
    """A call that the shape does not fit; the message is the reason, without any value."""


@dataclass(frozen=True)
class Shape:
    """What a service sends.

    Attributes:
        source: `support` or `email`: whose rows they are.
        signature: How it is signed.
        columns: Where the value of each column stands: paths, of which the first with a value
            counts. A path may join several with `+`.
        values: The project's value for each of theirs, by column. One that is not named says
            nothing; of `event_type`, it leaves the event out: it is of a type that nobody wants.
        form: The field of a form that has the JSON; empty if the body is JSON.
        items: Where the list of what happened stands; empty if the body is one, or such a list.
        events: What the `type` of an event begins with; of another item, it is a field like others.
        only: What the `type` of an event goes on with if it is of this source.
    """

    source: str
    signature: Signature
    columns: Mapping[str, Paths]
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    form: str = ""
    items: str = ""
    events: str = ""
    only: str = ""

    @property
    def folder(self) -> str:
        """Where its rows go, below the data folder."""
        return f"{TABLES[self.source][0]}/webhooks"

    def rows(self, body: bytes, personal: PersonalData = DEFAULT) -> list[Row]:
        """Returns the rows of a call.

        A row that lacks a required value does not refuse the others; `ingest` quarantines it.

        Raises:
            BadCall: The body is not of this shape.
        """
        rows = [row for item in self._items(body) if (row := self._row(item, personal)) is not None]
        missing = [_missing(row) for row in rows]
        if rows and all(missing):
            raise BadCall(f"it has no {missing[0]}")
        return rows

    def _items(self, body: bytes) -> Iterator[dict[str, Any]]:
        if self.form:
            fields_ = dict(parse_qsl(body.decode("utf-8", "replace"), True))
            body = fields_.get(self.form, "[]").encode()
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise BadCall("it is not valid JSON") from None
        found = _at(document, self.items) if self.items else document
        for item in found if isinstance(found, list) else [found]:
            if not isinstance(item, dict):
                raise BadCall("it has no JSON object where one is expected")
            yield item

    def _row(self, item: dict[str, Any], personal: PersonalData) -> Row | None:
        kind = str(item.get("type") or "")
        if kind.startswith(self.events) and not kind.startswith(self.events + self.only):
            return None
        row: Row = {}
        for column in TABLES[self.source][1]:
            stated = [_joined(item, path) for path in self.columns.get(column, ())]
            if all(value is _ABSENT for value in stated) and column not in REQUIRED:
                # To say that it is empty would take what an earlier call said of it.
                continue
            value = next((v for v in stated if v not in (_ABSENT, None, "")), None)
            text = _text(column, value, personal)
            if (known := self.values.get(column)) and text is not None:
                text = known.get(text)
                if text is None and column == "event_type":
                    return None
                if text is None and column not in REQUIRED:
                    continue
            row[column] = text
        return row


def _missing(row: Row) -> str | None:
    return next((name for name in REQUIRED if name in row and row[name] is None), None)


def _at(document: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        elif isinstance(document, dict):
            document = document.get(key, _ABSENT)
        else:
            return None if document is None else _ABSENT
    return document


def _joined(item: Any, path: str) -> Any:
    if "+" not in path:
        return _at(item, path)
    parts = [_at(item, part) for part in path.split("+")]
    if _ABSENT in parts:
        return _ABSENT
    return None if None in parts else "-".join(map(str, parts))


def _text(column: str, value: Any, personal: PersonalData) -> str | None:
    if isinstance(value, dict | list | bool) or value is None:
        return None
    text = str(value).strip()
    if column in _TIMES:
        # Without a time the row would count as newer. `ingest` sets it aside, and says why; by a
        # date with slashes, as it stands, it would refuse the whole file.
        unreadable = f"unreadable {without_addresses(text, personal)}" if text else None
        return as_iso_time(value) or unreadable
    if column in _HASHES:
        # What has been hashed by its sender stays.
        return _HASHES[column](text, personal) or (text.lower() if _is_hash(text) else None)
    return without_addresses(text, personal) or None


def _is_hash(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdefABCDEF" for c in text)


ZENDESK = Shape(
    source="support",
    signature=Signature(
        header="x-zendesk-webhook-signature",
        encoding="base64",
        time_header="x-zendesk-webhook-signature-timestamp",
    ),
    # `detail` in the calls of its events; the other names as docs/collector.md has them for the
    # body of a trigger, which its users write themselves.
    columns={
        "ticket_id": ("detail.id", "ticket.id", "ticket_id"),
        "requester_email": ("detail.requester.email", "ticket.requester.email", "requester_email"),
        "requester_phone": ("detail.requester.phone", "ticket.requester.phone", "requester_phone"),
        "customer_id": (
            "detail.requester.external_id", "ticket.requester.external_id", "customer_id",
        ),
        "status": ("detail.status", "ticket.status", "status"),
        "priority": ("detail.priority", "ticket.priority", "priority"),
        "created_at": ("detail.created_at", "ticket.created_at", "created_at"),
        "updated_at": ("detail.updated_at", "ticket.updated_at", "updated_at", "time"),
        "solved_at": ("detail.solved_at", "ticket.solved_at", "solved_at"),
    },
    events="zen:event-type:",
    only="ticket.",
)  # fmt: skip

MAILCHIMP = Shape(
    source="email",
    signature=Signature(
        header="x-mandrill-signature", algorithm="sha1", encoding="base64", covers_url=True
    ),
    columns={
        "event_id": ("_id+event+ts",),
        "event_type": ("event",),
        "email": ("msg.email",),
        "campaign_id": ("msg.metadata.campaign_id", "msg.tags.0", "msg.subaccount"),
        "event_time": ("ts",),
    },
    values={
        "event_type": {
            "send": "sent", "delivered": "delivered", "open": "open", "click": "click",
            "hard_bounce": "bounce", "soft_bounce": "bounce", "reject": "bounce",
            "spam": "complaint", "unsub": "unsubscribe",
        }
    },
    form="mandrill_events",
)  # fmt: skip

SHIPPED = {"zendesk": ZENDESK, "mailchimp": MAILCHIMP}


def make_shape(provider: str, said: Mapping[str, Any]) -> Shape:
    """Returns the shape of a provider: a shipped one with what is said otherwise, or a new one.

    Raises:
        BadShape: A setting can't be used.
    """
    if unknown := sorted(set(said) - {"source", "signature", "columns", "values", "form", "items"}):
        raise BadShape(f"there is no setting {unknown[0]!r}")
    shape = SHIPPED.get(provider)
    if shape is None:
        if said.get("source") not in TABLES:
            raise BadShape(
                f"source must be {' or '.join(TABLES)}; shipped are {', '.join(SHIPPED)}"
            )
        if "header" not in _dict(said, "signature"):
            raise BadShape('signature must be like {header = "X-Signature", encoding = "hex"}')
        shape = Shape(said["source"], Signature(""), {})
    if "signature" in said:
        shape = replace(shape, signature=_signature(shape.signature, _dict(said, "signature")))
    expected = TABLES[shape.source][1]
    columns = dict(shape.columns)
    for column, paths in _dict(said, "columns").items():
        if column not in expected:
            raise BadShape(f"{shape.source} has no column {column!r}; it has {', '.join(expected)}")
        listed = [paths] if isinstance(paths, str) else paths
        if not isinstance(listed, list) or not all(isinstance(path, str) for path in listed):
            raise BadShape(f"columns.{column} must be a text or a list of texts")
        columns[column] = tuple(listed)
    if missing := [c for c in expected if c in REQUIRED and not columns.get(c)]:
        raise BadShape(f"columns.{missing[0]} must say where it stands")
    values = dict(shape.values)
    for column in _dict(said, "values"):
        values[column] = _dict(said["values"], column)
        if not all(isinstance(value, str) for value in values[column].values()):
            raise BadShape(f"values.{column} must have a text for each of theirs")
    texts = {name: str(said[name]) for name in ("form", "items") if name in said}
    return replace(shape, columns=columns, values=values, **texts)  # type: ignore[arg-type]


def _signature(default: Signature, said: Mapping[str, Any]) -> Signature:
    if unknown := set(said) - {field.name for field in fields(Signature)}:
        raise BadShape(f"signature has no setting {min(unknown)!r}")
    for name, value in said.items():
        kind = type(getattr(default, name))
        if not isinstance(value, kind):
            what = "true or false" if kind is bool else "a text"
            raise BadShape(f"signature.{name} must be {what}")
    signature = replace(default, **said)
    if signature.algorithm not in ("sha256", "sha1", "sha512"):
        raise BadShape("signature.algorithm must be sha256, sha1 or sha512")
    if signature.encoding not in ("hex", "base64"):
        raise BadShape("signature.encoding must be hex or base64")
    return replace(
        signature, header=signature.header.lower(), time_header=signature.time_header.lower()
    )


def _dict(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = said.get(name, {})
    if not isinstance(value, dict):
        raise BadShape(f"{name} must be a section with names and values")
    return value
