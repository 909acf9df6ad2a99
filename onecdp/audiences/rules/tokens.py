"""Divides a rule into tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from onecdp.audiences.rules.errors import RuleError, printable
from onecdp.audiences.rules.syntax import KEYWORDS, is_bare_character

_OPERATOR = re.compile(r"<=|>=|!=|<>|==?|<|>")
_HINTS = {
    "&": "write AND",
    "|": "write OR",
    "!": "write NOT",
    "-": "write AND NOT",
    "'": 'quote tags with "',
    "\u201c": 'quote tags with "',
    "\u201d": 'quote tags with "',
    "\u2018": 'quote tags with "',
    "\u2019": 'quote tags with "',
}


@dataclass(frozen=True)
class Token:
    """A token.

    Attributes:
        kind: AND, OR, NOT, a parenthesis, a comma, operator, tag or end.
        text: The tag's name, the operator, or what was written.
        position: Where it begins, from 1.
        is_quoted: Whether a tag is in quotes.
    """

    kind: str
    text: str
    position: int
    is_quoted: bool = False


def tokens(rule: str) -> Iterator[Token]:
    """Yields the tokens of a rule, the end last.

    Raises:
        RuleError: A character is unexpected, or a quote or comment is never closed.
    """
    at = 0
    while at < len(rule):
        character, start = rule[at], at
        if character.isspace():
            at += 1
        elif rule.startswith("--", at):
            end = rule.find("\n", at)
            at = end if end >= 0 else len(rule)
        elif rule.startswith("/*", at):
            end = rule.find("*/", at + 2)
            if end < 0:
                raise RuleError(f"unclosed comment at character {at + 1}", rule, at + 1)
            at = end + 2
        elif character in "(),":
            at += 1
            yield Token(character, character, start + 1)
        elif character == '"':
            name, at = _read_quoted(rule, start)
            yield Token("tag", name, start + 1, is_quoted=True)
        elif found := _OPERATOR.match(rule, at):
            at = found.end()
            text = {"<>": "!=", "==": "="}.get(found[0], found[0])
            yield Token("operator", text, start + 1)
        elif is_bare_character(character):
            while at < len(rule) and is_bare_character(rule[at]):
                at += 1
            word = rule[start:at]
            if word == "-":  # set difference in other languages
                _refuse_character(rule, start)
            kind = word.upper() if word.upper() in KEYWORDS else "tag"
            yield Token(kind, word, start + 1)
        else:
            _refuse_character(rule, start)
    yield Token("end", "the end", len(rule.rstrip()) + 1)


def _refuse_character(rule: str, at: int) -> NoReturn:
    hint = _HINTS.get(rule[at], "quote tags that contain it")
    reason = f"unexpected {printable(rule[at])} at character {at + 1} ({hint})"
    raise RuleError(reason, rule, at + 1)


def _read_quoted(rule: str, start: int) -> tuple[str, int]:
    """Returns the tag quoted from `start`, and the position after its closing quote."""
    at, parts = start + 1, []
    while (close := rule.find('"', at)) >= 0:
        parts.append(rule[at:close])
        if rule[close + 1 : close + 2] != '"':
            name = '"'.join(parts)
            if not name.strip():
                raise RuleError(f"empty tag at character {start + 1}", rule, start + 1)
            return name, close + 1
        at = close + 2
    raise RuleError(f"unclosed quote at character {start + 1}", rule, start + 1)
