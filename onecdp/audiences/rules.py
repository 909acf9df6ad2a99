"""The rule language of audiences: tags, AND, OR, NOT, parentheses.

    "At Risk" AND "High Value" AND NOT channel_miniapp

Tags of letters, digits and `_ : . -` need no quotes; others are in double quotes, with "" for a
quote. Keywords are case-insensitive; NOT binds tighter than AND, AND tighter than OR.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from onecdp.errors import OnecdpError

# Deeper than any rule a person writes, and well below Python's recursion limit.
MAX_DEPTH = 100

_KEYWORDS = ("AND", "OR", "NOT")
_EXCERPT = 24
_SHOWN = 60
_HINTS = {
    "&": "write AND",
    "|": "write OR",
    "!": "write NOT",
    "-": "write AND NOT",
    ",": "write AND or OR between tags",
    "'": 'quote tags with "',
    "\u201c": 'quote tags with "',
    "\u201d": 'quote tags with "',
    "\u2018": 'quote tags with "',
    "\u2019": 'quote tags with "',
}


class RuleError(OnecdpError, ValueError):
    """A rule is invalid; the message is one line.

    Attributes:
        position: Character position from 1; one past the end if something is missing.
    """

    def __init__(self, reason: str, rule: str, position: int) -> None:
        """Marks the position in an excerpt of the rule."""
        at = position - 1
        left, right = max(0, at - _EXCERPT), at + _EXCERPT
        before = ("…" if left else "") + rule[left:at]
        after = rule[at:right] + ("…" if right < len(rule) else "")
        excerpt = f": {_printable(before)}<here>{_printable(after)}" if rule.strip() else ""
        super().__init__(reason + excerpt)
        self.position = position


@dataclass(frozen=True)
class Tag:
    """The customers that carry a tag."""

    name: str


@dataclass(frozen=True)
class Not:
    """The customers that are not in `operand`."""

    operand: Expression


@dataclass(frozen=True)
class And:
    """The customers that are in all operands; there are two or more."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class Or:
    """The customers that are in at least one operand; there are two or more."""

    operands: tuple[Expression, ...]


Expression = Tag | Not | And | Or


def parse(rule: str) -> Expression:
    """Parses a rule.

    Raises:
        RuleError: The rule is empty or invalid; the message has the position.
    """
    if not rule.strip():
        raise RuleError("rule is empty", rule, 1)
    return _Parser(rule).parse()


def tags(expression: Expression) -> tuple[str, ...]:
    """Returns the tags that an expression names, each once, in the order of their first use."""
    return tuple(dict.fromkeys(_walk(expression)))


def to_text(expression: Expression) -> str:
    """Returns the rule of an expression: `parse(to_text(e)) == e`."""
    match expression:
        case Tag(name):
            return name if _is_bare(name) else quoted(name)
        case Not(operand):
            return f"NOT {_nested(operand, (And, Or))}"
        case And(operands):
            return " AND ".join(_nested(operand, (And, Or)) for operand in operands)
        case Or(operands):
            return " OR ".join(_nested(operand, (Or,)) for operand in operands)


def needs_universe(expression: Expression) -> bool:
    """Returns whether evaluating an expression needs the set of all customers.

    `NOT b` and `a OR NOT b` need it; `a AND NOT b` does not.
    """
    match expression:
        case Tag():
            return False
        case Not():
            return True
        case Or(operands):
            return any(needs_universe(operand) for operand in operands)
        case And(operands):
            kept = [operand for operand in operands if not isinstance(operand, Not)]
            taken = [operand.operand for operand in operands if isinstance(operand, Not)]
            return not kept or any(needs_universe(operand) for operand in kept + taken)


def quoted(tag: str) -> str:
    """Returns a tag in double quotes, which are valid for every tag."""
    return '"' + tag.replace('"', '""') + '"'


def shown(tag: str) -> str:
    """Returns a tag for a message: quoted, on one line, truncated."""
    text = _printable(quoted(tag))
    return text if len(text) <= _SHOWN else f'{text[:_SHOWN]}…"'


def _nested(operand: Expression, in_parentheses: tuple[type, ...]) -> str:
    text = to_text(operand)
    return f"({text})" if isinstance(operand, in_parentheses) else text


def _walk(expression: Expression) -> Iterator[str]:
    match expression:
        case Tag(name):
            yield name
        case Not(operand):
            yield from _walk(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _walk(operand)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _is_bare_character(character: str) -> bool:
    # Combining marks (category M) are parts of letters in Hindi, Thai and other scripts.
    return character.isalnum() or character in "_:.-" or unicodedata.category(character)[0] == "M"


def _is_bare(tag: str) -> bool:
    reserved = tag in ("", "-") or tag.upper() in _KEYWORDS
    return not reserved and all(map(_is_bare_character, tag))


@dataclass(frozen=True)
class _Token:
    kind: str  # AND, OR, NOT, (, ), tag, end
    text: str  # the tag's name, or what was written
    position: int  # from 1


def _tokens(rule: str) -> Iterator[_Token]:
    at = 0
    while at < len(rule):
        character, start = rule[at], at
        if character.isspace():
            at += 1
        elif character in "()":
            at += 1
            yield _Token(character, character, start + 1)
        elif character == '"':
            name, at = _read_quoted(rule, start)
            yield _Token("tag", name, start + 1)
        elif _is_bare_character(character):
            while at < len(rule) and _is_bare_character(rule[at]):
                at += 1
            word = rule[start:at]
            if word == "-":  # set difference in other languages
                _refuse_character(rule, start)
            kind = word.upper() if word.upper() in _KEYWORDS else "tag"
            yield _Token(kind, word, start + 1)
        else:
            _refuse_character(rule, start)
    yield _Token("end", "the end", len(rule.rstrip()) + 1)


def _refuse_character(rule: str, at: int) -> NoReturn:
    hint = _HINTS.get(rule[at], "quote tags that contain it")
    reason = f"unexpected {_printable(rule[at])} at character {at + 1} ({hint})"
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


class _Parser:
    """A recursive descent parser with one method per level of precedence."""

    def __init__(self, rule: str) -> None:
        self._rule = rule
        self._tokens = _tokens(rule)
        self._before = ""  # the previous token, for messages
        self._token = next(self._tokens)

    def parse(self) -> Expression:
        expression = self._or(0)
        if self._token.kind == ")":
            self._fail("unbalanced parenthesis: ) has no opening (")
        if self._token.kind != "end":
            hint = "; a tag with spaces needs double quotes" if self._token.kind == "tag" else ""
            self._fail(f"expected AND or OR before {self._name()}", hint)
        return expression

    def _or(self, depth: int) -> Expression:
        operands = [self._and(depth)]
        while self._token.kind == "OR":
            self._advance()
            operands.append(self._and(depth))
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _and(self, depth: int) -> Expression:
        operands = [self._operand(depth)]
        while self._token.kind == "AND":
            self._advance()
            operands.append(self._operand(depth))
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _operand(self, depth: int) -> Expression:
        token = self._token
        if depth > MAX_DEPTH:
            self._fail(f"rule is nested deeper than {MAX_DEPTH} levels")
        if token.kind == "tag":
            self._advance()
            return Tag(token.text)
        if token.kind == "NOT":
            self._advance()
            return Not(self._operand(depth + 1))
        if token.kind == "(":
            self._advance()
            inside = self._or(depth + 1)
            self._close(token)
            return inside
        return self._fail(f"expected a tag{f' after {self._before}' if self._before else ''}")

    def _close(self, opened: _Token) -> None:
        if self._token.kind == "end":
            reason = f"unbalanced parenthesis: ( at character {opened.position} is never closed"
            raise RuleError(reason, self._rule, opened.position)
        if self._token.kind != ")":
            hint = "; a tag with spaces needs double quotes" if self._token.kind == "tag" else ""
            self._fail(f"expected AND, OR or ) before {self._name()}", hint)
        self._advance()

    def _advance(self) -> None:
        self._before = self._name()
        self._token = next(self._tokens)

    def _name(self) -> str:
        return shown(self._token.text) if self._token.kind == "tag" else self._token.text.upper()

    def _fail(self, reason: str, hint: str = "") -> NoReturn:
        position = self._token.position
        raise RuleError(f"{reason} at character {position}{hint}", self._rule, position)
