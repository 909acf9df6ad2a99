"""The commonest question, answered without the framework: all of a profile, by an identifier.

The framework costs more than the look-up. What is not a plain answer of 200 is left to the routes,
which ask again: refusals, errors, and everything else, are in one place.
"""

from __future__ import annotations

from typing import NamedTuple

from uvicorn._types import HTTPScope

from onecdp.collector.refusals import Refusal
from onecdp.serving.answers import find_profile, profile_answer, profile_headers
from onecdp.serving.keys import Asker, Askers
from onecdp.serving.routes import PROFILE_PATH, PROFILE_SCOPE
from onecdp.serving.tenants import Tenant

_PREFIX = PROFILE_PATH.partition("{")[0]


class Direct(NamedTuple):
    """An answer of 200, as `protocol.DirectAnswer` has it, and who asked."""

    content: bytes
    asker: Asker[Tenant]


class DirectAnswers:
    """Answers for all keys of all tenants."""

    def __init__(self, askers: Askers[Tenant]) -> None:
        """Takes the keys."""
        self._askers = askers

    def answer(self, scope: HTTPScope) -> Direct | None:
        """Returns the answer; None if the routes must see to it, and nothing was counted."""
        path = scope["path"]
        if not path.startswith(_PREFIX) or scope["method"] != "GET" or scope["query_string"]:
            return None
        authorization = None
        for name, said in scope["headers"]:
            if name == b"authorization":
                if authorization is not None:
                    return None
                authorization = said
            elif name == b"if-none-match":
                return None
        if authorization is None:
            return None
        by = self._askers.find_again(authorization)
        if by is None or PROFILE_SCOPE not in by.key.scopes or by.rate.wait:
            return None
        kind, slash, value = path[len(_PREFIX) :].partition("/")
        if not slash:
            return None
        try:
            store = by.tenant.store
            answer = find_profile(store, by.tenant.spelled(kind, value), by)
            if answer.found is None:
                return None
            body = profile_answer(store, answer, None, by)
        except Refusal:
            return None
        by.rate.spend(1)
        lines = profile_headers(store, answer, by).lines
        return Direct(b"%bcontent-length: %d\r\n\r\n%b" % (lines, len(body), body), by)
