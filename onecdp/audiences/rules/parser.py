"""Parses a rule into an expression."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NoReturn

from onecdp.audiences.rules.errors import RuleError
from onecdp.audiences.rules.syntax import (
    NUMBER_KEYWORDS,
    And,
    Compare,
    Expression,
    Not,
    Or,
    Tag,
    shown,
)
from onecdp.audiences.rules.tokens import Token, tokens

# Deeper than any rule a person writes, and well below Python's recursion limit.
MAX_DEPTH = 100

# More digits than any stored number has; arithmetic with them is exact.
_NUMBER = re.compile(r"-?(\d{1,24}(\.\d{0,24})?|\.\d{1,24})", re.ASCII)


def parse(rule: str) -> Expression:
    """Parses a rule.

    Raises:
        RuleError: The rule is empty or invalid; the message has the position.
    """
    if not rule.strip():
        raise RuleError("rule is empty", rule, 1)
    return _Parser(rule).parse()


class _Parser:
    """A recursive descent parser with one method per level of precedence."""

    def __init__(self, rule: str) -> None:
        self._rule = rule
        self._tokens = tokens(rule)
        self._before = ""  # the previous token, for messages
        self._token = next(self._tokens)

    def parse(self) -> Expression:
        expression = self._or(0)
        if self._token.kind == ")":
            self._fail("unbalanced parenthesis: ) has no opening (")
        if self._token.kind == ",":
            self._fail("unexpected , (write AND or OR between tags)")
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
            return self._tag_or_comparison(token)
        if token.kind == "NOT":
            self._advance()
            return Not(self._operand(depth + 1))
        if token.kind == "(":
            self._advance()
            inside = self._or(depth + 1)
            self._close(token)
            return inside
        return self._fail(f"expected a tag{f' after {self._before}' if self._before else ''}")

    def _tag_or_comparison(self, name: Token) -> Expression:
        if self._token.kind == "operator":
            operator = self._token.text
            self._advance()
            return Compare(name.text, operator, (self._number(),), name.position)
        if self._token.kind == "NOT":
            negation = self._token
            self._advance()
            if self._number_keyword():
                return Not(self._between_or_in(name))
            reason = f"expected AND or OR before NOT at character {negation.position}"
            raise RuleError(reason, self._rule, negation.position)
        if self._number_keyword():
            return self._between_or_in(name)
        return Tag(name.text, name.position)

    def _between_or_in(self, name: Token) -> Expression:
        keyword = self._number_keyword()
        self._advance()
        if keyword == "BETWEEN":
            low = self._number()
            if self._token.kind != "AND":
                self._fail(f"expected AND between two numbers, not {self._name()}")
            self._advance()
            return Compare(name.text, "between", (low, self._number()), name.position)
        opened = self._token
        if opened.kind != "(":
            self._fail("expected ( after IN")
        self._advance()
        values = [self._number()]
        while self._token.kind == ",":
            self._advance()
            values.append(self._number())
        self._close(opened, "a comma")
        return Compare(name.text, "in", tuple(values), name.position)

    def _number_keyword(self) -> str | None:
        token = self._token
        is_keyword = token.kind == "tag" and not token.is_quoted
        return token.text.upper() if is_keyword and token.text.upper() in NUMBER_KEYWORDS else None

    def _number(self) -> Decimal:
        token = self._token
        if token.kind != "tag" or token.is_quoted or not _NUMBER.fullmatch(token.text):
            self._fail(
                f"expected a number after {self._before}, not {self._name()}",
                "" if token.kind == "end" else "; write it as 250, -3 or 19.99",
            )
        self._advance()
        return Decimal(token.text)

    def _close(self, opened: Token, instead: str = "AND, OR") -> None:
        if self._token.kind == "end":
            reason = f"unbalanced parenthesis: ( at character {opened.position} is never closed"
            raise RuleError(reason, self._rule, opened.position)
        if self._token.kind != ")":
            is_tag = self._token.kind == "tag" and instead != "a comma"
            hint = "; a tag with spaces needs double quotes" if is_tag else ""
            self._fail(f"expected {instead} or ) before {self._name()}", hint)
        self._advance()

    def _advance(self) -> None:
        self._before = self._name()
        self._token = next(self._tokens)

    def _name(self) -> str:
        return shown(self._token.text) if self._token.kind == "tag" else self._token.text.upper()

    def _fail(self, reason: str, hint: str = "") -> NoReturn:
        position = self._token.position
        raise RuleError(f"{reason} at character {position}{hint}", self._rule, position)
