"""Questions that need the bitmaps of tags and numbers: they are asked of the published marts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from onecdp.audiences.estimate import estimate
from onecdp.audiences.rules import RuleError
from onecdp.audiences.store import Store
from onecdp.audiences.why import check
from onecdp.collector.refusals import Refusal
from onecdp.errors import OnecdpError
from onecdp.serving.store_file import identity

MAX_WAITING = 16
_ATTEMPTS = 3
T = TypeVar("T")


class MartsQuestions:
    """The marts of one tenant. One question is answered at a time, in a thread of its own."""

    def __init__(self, marts: Path) -> None:
        """Opens nothing before the first question."""
        self._marts = marts
        self._store: tuple[Store, object] | None = None
        self._thread = ThreadPoolExecutor(1, "marts")
        self._waiting = 0

    def close(self) -> None:
        """Ends the thread after the running question."""
        self._thread.shutdown(cancel_futures=True)

    async def estimate(self, rule: str) -> dict[str, Any]:
        """Returns what a rule selects, as `onecdp audience estimate --json` prints it.

        Raises:
            Refusal: The rule is invalid, or too many questions wait.
        """
        failed = Refusal(409, "audience_failed", "an audience in the rule has failed")
        return await self._ask(lambda store: estimate(store, rule).document(), failed)

    async def why(self, package_id: str, id_type: str, id_value: str) -> dict[str, Any]:
        """Returns whether a customer is in a package, and why; without source rows.

        Raises:
            Refusal: There is no such customer, or too many questions wait.
        """

        def ask(store: Store) -> dict[str, Any]:
            answer = check(store, package_id, store.customer(id_type, id_value))
            found = answer.document()
            return {
                "package_id": package_id,
                "one_id": answer.customer.one_id,
                "is_member": answer.is_member,
                "is_selected": answer.is_selected,
                "arm": answer.arm,
                # Not which identifier decided: that is for the project's own people.
                "consent": answer.consent.status if answer.consent else None,
                "rule": answer.rule,
                "leaves": [_without_rows(leaf) for leaf in found["leaves"]],
            }

        nobody = Refusal(404, "not_found", "no customer has this identifier")
        return await self._ask(ask, nobody)

    async def _ask(self, question: Callable[[Store], T], failure: Refusal) -> T:
        if self._waiting >= MAX_WAITING:
            raise Refusal(503, "busy", "too many such questions wait; ask again", 1)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._answer, question, failure)
        except RuleError as error:
            raise Refusal(400, "invalid_rule", str(error)) from None
        finally:
            self._waiting -= 1

    def _answer(self, question: Callable[[Store], T], failure: Refusal) -> T:
        """Asks until the marts were the same before and after, as bitmaps are read when needed."""
        for _ in range(_ATTEMPTS):
            before = identity(self._marts)
            problem = None
            try:
                answer = question(self._opened(before))
            except OnecdpError as error:
                problem = error
            if identity(self._marts) == before:
                if problem is None:
                    return answer
                raise problem if isinstance(problem, RuleError) else failure
        raise Refusal(503, "busy", "the marts are being published; ask again", 1)

    def _opened(self, version: object) -> Store:
        if self._store is None or self._store[1] != version:
            try:
                self._store = Store(self._marts), version
            except OnecdpError:
                raise Refusal(503, "no_marts", "the published marts can't be read", 5) from None
        return self._store[0]


def _without_rows(leaf: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in leaf.items() if name not in ("rows", "row_count")}
    return {**kept, "leaves": [_without_rows(inner) for inner in leaf["leaves"]]}
