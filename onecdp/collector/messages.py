"""A message of the Segment protocol as rows of the sources.

track, page, screen and group are app events; identify and alias are links of the ID graph. Traits
are dropped, but for the hashes of e-mail address and phone number.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from onecdp.collector.refusals import BadEvent
from onecdp.collector.settings import Settings
from onecdp.collector.times import is_iso_time
from onecdp.collector.tracking_plan import TrackingPlan
from onecdp.identity.personal import hash_address, hash_phone, sha256, without_addresses
from onecdp.project.personal_data import PersonalData

EVENTS = "app/collector"
LINKS = "id_graph/collector"
FOLDERS = frozenset({EVENTS, LINKS})
"""Below the data folder: where the files of `ingest` are."""

Row = dict[str, str | None]
_TYPES = ("identify", "track", "page", "screen", "group", "alias")
_EVENT_TYPES = {"page": "page_view", "screen": "page_view", "group": "group"}


@dataclass(frozen=True)
class Mapper:
    """Makes rows out of messages.

    Attributes:
        settings: What the project says.
        plan: The tracking plan that events are compared with.
    """

    settings: Settings
    plan: TrackingPlan

    def rows(
        self, message: object, kind: str | None, key_name: str, received_at: str
    ) -> list[tuple[str, Row]]:
        """Returns the rows of one message, each with its folder.

        Args:
            message: What was sent.
            kind: The type by the route; None in a batch, where the message states it.
            key_name: The name of its write key.
            received_at: The time of its arrival, ISO 8601.

        Raises:
            BadEvent: It can't be taken.
        """
        if not isinstance(message, dict):
            raise BadEvent("the event is not a JSON object")
        kind = kind or message.get("type")
        if kind not in _TYPES:
            raise BadEvent(f"type must be one of {', '.join(_TYPES)}")
        user = _identifier(message, "userId")
        device = _identifier(message, "anonymousId")
        time = _time(message, received_at)
        if kind == "alias":
            return self._links([*self._aliases(message, user, device)], key_name, time)
        if not (user or device):
            raise BadEvent("userId or anonymousId is missing")
        if kind == "identify":
            return self._links([*self._identified(message, user, device)], key_name, time)
        return [(EVENTS, self._event(message, kind, user, device, key_name, time, received_at))]

    def set_aside(self, message: object, reason: str, received_at: str) -> tuple[str, Row]:
        """The row of a bad event: without its values or a type, so that it is quarantined."""
        stated = message.get("messageId") if isinstance(message, dict) else None
        row = dict(self._no_event)
        row["event_id"] = _message_id(stated, self.settings.personal)
        row["event_time"] = row["received_at"] = received_at
        row["violation"] = reason
        return EVENTS, row

    @cached_property
    def _no_event(self) -> Row:
        """All columns of events: the reader of files is quick where every row has them all."""
        named = ["event_id", "device_id", self.settings.user_id_type]
        named += ["email_hash", "mobile_hash", "event_type", "page_name", "channel"]
        last = ["event_name", "event_time", "violation", "received_at"]
        return dict.fromkeys([*named, *self.settings.columns, *last])

    @cached_property
    def _paths(self) -> list[tuple[str, list[tuple[str, str, tuple[str, ...]]]]]:
        """The columns with their paths, parted into the section, a key in it, and what is below."""
        return [
            (column, [(p[0], p[1], p[2:]) if len(p) > 1 else ("", p[0], ()) for p in paths])
            for column, paths in self.settings.columns.items()
        ]

    @cached_property
    def _sections(self) -> frozenset[str]:
        """The first keys of all paths: looked up once an event, not once a path."""
        return frozenset(section for _, paths in self._paths for section, _, _ in paths)

    def _event(
        self, message: dict[str, object], kind: str, user: str | None, device: str | None,
        key_name: str, time: str, received_at: str,
    ) -> Row:  # fmt: skip
        properties = message.get("properties")
        personal = self.settings.personal
        named = message.get({"track": "event", "group": "groupId"}.get(kind, "name"))
        name = _text(named, personal)
        if kind == "track" and not name:
            raise BadEvent("event is missing: the name of what happened")
        row = dict(self._no_event)
        sections: dict[str, Any] = {name: message.get(name) for name in self._sections}
        sections[""] = message
        for column, paths in self._paths:
            for section, key, rest in paths:
                inside = sections[section]
                value = inside.get(key) if isinstance(inside, dict) else None
                value = None if value is None else _scalar(_at(value, rest), personal)
                if value is not None:
                    row[column] = value
                    break
        if kind in ("page", "screen") and name:
            row["page_name"] = name
        row["channel"] = row["channel"] or key_name
        if device:
            row["device_id"] = without_addresses(device, self.settings.personal)
        if user:
            column, value = self._user(user)
            row[column] = value
        row["event_id"] = _message_id(message.get("messageId"), self.settings.personal)
        row["event_type"] = _EVENT_TYPES.get(kind) or self.settings.event_types.get(
            name or "", name
        )
        row["event_name"] = name
        row["event_time"], row["received_at"] = time, received_at
        if kind == "track":
            said = properties if isinstance(properties, dict) else {}
            row["violation"] = self.plan.violation(str(message["event"]), said)
        return row

    def _identified(
        self, message: dict[str, object], user: str | None, device: str | None
    ) -> Iterator[tuple[str, str]]:
        """The identifiers that a call of identify says are one person's."""
        if user:
            yield self._user(user)
        if device:
            yield "device_id", without_addresses(device, self.settings.personal)
        traits = message.get("traits")
        context = message.get("context")
        if not (isinstance(traits, dict) and traits) and isinstance(context, dict):
            # RudderStack's SDKs put them there.
            traits = context.get("traits")
        if isinstance(traits, dict):
            if (email := traits.get("email")) and isinstance(email, str):
                hashed = hash_address(email, self.settings.personal)
                if hashed:
                    yield "email_hash", hashed
            if (phone := traits.get("phone")) and isinstance(phone, str):
                hashed = hash_phone(phone, self.settings.personal)
                if hashed:
                    yield "mobile_hash", hashed

    def _aliases(
        self, message: dict[str, object], user: str | None, device: str | None
    ) -> Iterator[tuple[str, str]]:
        previous = _identifier(message, "previousId")
        if not (user and previous):
            raise BadEvent("userId or previousId is missing")
        yield self._user(user)
        kind, value = self._user(previous)
        is_plain = kind == self.settings.user_id_type
        yield (self.settings.previous_id_type if is_plain else kind), value
        if device and device != previous:
            yield "device_id", without_addresses(device, self.settings.personal)

    def _user(self, user: str) -> tuple[str, str]:
        """The type and value of a user id, which may be an address or a number with a plus."""
        if hashed := hash_address(user, self.settings.personal):
            return "email_hash", hashed
        if user.startswith("+") and user[1:2].isdecimal():
            # A number that nobody can have names somebody here, too.
            return "mobile_hash", hash_phone(user, self.settings.personal) or sha256(user)
        return self.settings.user_id_type, without_addresses(user, self.settings.personal)

    def _links(
        self, identifiers: list[tuple[str, str]], key_name: str, time: str
    ) -> list[tuple[str, Row]]:
        """Links the first identifier to each other one.

        They have no first_seen: the newest row of a pair would overwrite it.
        """
        first, *others = dict.fromkeys(identifiers)
        return [
            (
                LINKS,
                {
                    "left_id_type": first[0],
                    "left_id_value": first[1],
                    "right_id_type": kind,
                    "right_id_value": value,
                    "source_channel": key_name,
                    "last_seen": time,
                    "is_active": "true",
                },
            )
            for kind, value in others
        ]


def _identifier(message: Mapping[str, object], name: str) -> str | None:
    value = message.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadEvent(f"{name} is neither a text nor a whole number")
    return str(value).strip() or None


def _message_id(stated: object, personal: PersonalData) -> str:
    is_number = isinstance(stated, int) and not isinstance(stated, bool)
    text = str(stated) if is_number else _text(stated, personal)
    # An event without one can't be told from its repetition.
    return text or str(uuid.uuid4())


def _time(message: Mapping[str, object], received_at: str) -> str:
    """When it happened by its sender's clock, so that a repetition says the same."""
    for name in ("timestamp", "originalTimestamp"):
        if value := message.get(name):
            if not isinstance(value, str) or not is_iso_time(value):
                # A date with slashes would have the whole file refused.
                raise BadEvent(f"{name} is not ISO 8601")
            return value
    return received_at


def _text(value: object, personal: PersonalData) -> str | None:
    return without_addresses(value, personal).strip() or None if isinstance(value, str) else None


def _at(value: object, path: tuple[str, ...]) -> object:
    """The value at a path below another one; None if there is none."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _scalar(value: object, personal: PersonalData) -> str | None:
    """A value as text; None if it is empty, an object or a list."""
    if isinstance(value, str):
        return without_addresses(value, personal) or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else None
