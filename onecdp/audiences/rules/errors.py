"""The error of a rule, which points at the character."""

from __future__ import annotations

import unicodedata

from onecdp.errors import UsageProblem

_EXCERPT = 24


class RuleError(UsageProblem, ValueError):
    """A rule is invalid; the message is one line.

    Attributes:
        reason: What is wrong, without the excerpt.
        position: Character position from 1; one past the end if something is missing.
    """

    def __init__(self, reason: str, rule: str, position: int) -> None:
        """Marks the position in an excerpt of the rule."""
        at = position - 1
        left, right = max(0, at - _EXCERPT), at + _EXCERPT
        before = ("…" if left else "") + rule[left:at]
        after = rule[at:right] + ("…" if right < len(rule) else "")
        excerpt = f": {printable(before)}<here>{printable(after)}" if rule.strip() else ""
        super().__init__(reason + excerpt)
        self.reason = reason
        self.position = position
        self._rule = rule

    def pointed(self) -> str:
        """Returns the reason, the line of the rule, and below it a caret at the character."""
        at = self.position - 1
        start = self._rule.rfind("\n", 0, at) + 1
        end = self._rule.find("\n", at)
        line = self._rule[start : end if end >= 0 else None]
        before = printable(line[: at - start])
        width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in before)
        return f"{self.reason}\n  {printable(line)}\n  {' ' * width}^"


def printable(text: str) -> str:
    """Returns a text in one line, without control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
