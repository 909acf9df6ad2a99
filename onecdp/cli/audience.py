"""The commands on audiences: audience plan, estimate, why, check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from onecdp.cli.options import in_project, json_option, open_project

if TYPE_CHECKING:
    from onecdp.audiences.store import Customer, Store

_T = TypeVar("_T")


@click.group()
def audience() -> None:
    """Ask what a rule selects, before and after it is an audience.

    \b
    onecdp audience estimate '"At Risk" AND monetary >= 250'
    """


@audience.command()
@click.argument("rule")
@json_option
@in_project
def plan(rule: str, as_json: bool, project_dir: Path | None, warehouse: Path | None) -> None:
    """Print the parts of a rule with the customers that each selects, in order of evaluation.

    Reads the published marts.

    \b
    onecdp audience plan '"At Risk" AND NOT channel_miniapp'
    """
    store = _open(project_dir, warehouse)
    from onecdp.audiences.estimate import plan as ask
    from onecdp.audiences.text import plan_lines

    answer = _pointed(lambda: ask(store, rule))
    _print(answer.document(), plan_lines(answer), as_json)


@audience.command()
@click.argument("rule")
@json_option
@in_project
def estimate(rule: str, as_json: bool, project_dir: Path | None, warehouse: Path | None) -> None:
    """Print how many customers a rule selects, who they are, and what they share with audiences.

    A lift of 2 means twice as frequent as among all customers. Reads the published marts.

    \b
    onecdp audience estimate '"At Risk" AND monetary >= 250'
    onecdp audience estimate audience:PKG001 --json
    """
    store = _open(project_dir, warehouse)
    from onecdp.audiences.estimate import estimate as ask
    from onecdp.audiences.text import estimate_lines

    answer = _pointed(lambda: ask(store, rule))
    _print(answer.document(), estimate_lines(answer), as_json)


@audience.command()
@click.argument("rule")
@click.argument("identifier", metavar="ID_TYPE:VALUE")
@json_option
@in_project
def why(
    rule: str, identifier: str, as_json: bool, project_dir: Path | None, warehouse: Path | None
) -> None:
    """Print why a rule selects a customer or not: each tag and number, and the source rows.

    The customer is any identifier, or a one_id. Reads the published marts and, for source rows, the
    private build file.

    \b
    onecdp audience why '"At Risk" AND monetary >= 250' member_id:MBR001
    """
    store = _open(project_dir, warehouse)
    from onecdp.audiences.text import why_lines
    from onecdp.audiences.why import why as ask

    private = open_project(project_dir, warehouse).warehouse.build_file
    answer = _pointed(lambda: ask(store, rule, _customer(store, identifier), private))
    _print(answer.document(), why_lines(answer), as_json)


@audience.command()
@click.argument("package")
@click.argument("identifiers", metavar="ID_TYPE:VALUE...", nargs=-1, required=True)
@json_option
@in_project
def check(
    package: str,
    identifiers: tuple[str, ...],
    as_json: bool,
    project_dir: Path | None,
    warehouse: Path | None,
) -> None:
    """Print whether customers are in a package, in which arm, and why.

    A customer whom the rule selects is not in it without consent to its purpose: it is said which
    identifier withdrew, and when.

    Reads the published marts and, for source rows, the private build file.

    \b
    onecdp audience check PKG001 member_id:MBR001 open_id:open_001
    """
    store = _open(project_dir, warehouse)
    from onecdp.audiences.text import why_lines
    from onecdp.audiences.why import check as ask

    private = open_project(project_dir, warehouse).warehouse.build_file
    answers = [ask(store, package, _customer(store, text), private) for text in identifiers]
    lines = (line for answer in answers for line in why_lines(answer))
    _print([answer.document() for answer in answers], lines, as_json)


def _open(project_dir: Path | None, warehouse: Path | None) -> Store:
    from onecdp.audiences.store import Store

    return Store(open_project(project_dir, warehouse).warehouse.marts_file)


def _customer(store: Store, text: str) -> Customer:
    from onecdp.errors import UsageProblem
    from onecdp.identity.normalise import normalise
    from onecdp.warehouse.identifiers import split_identifier

    id_type, value = split_identifier(text)
    if not id_type and re.fullmatch(r"ONE[0-9a-f]{16}", text.strip(), re.IGNORECASE):
        return store.customer("one_id", text.strip())
    if not id_type or not value.strip():
        raise UsageProblem(
            f"{text!r} is not an identifier; write ID_TYPE:VALUE, such as member_id:M1, or a one_id"
        )
    return store.customer(id_type, value if id_type == "one_id" else normalise(id_type, value))


def _pointed(ask: Callable[[], _T]) -> _T:
    """Calls, and shows what is wrong with a rule by a caret below it."""
    from onecdp.audiences.rules import RuleError
    from onecdp.errors import UsageProblem

    try:
        return ask()
    except RuleError as error:
        raise UsageProblem(error.pointed()) from None


def _print(document: Any, lines: Iterable[str], as_json: bool) -> None:
    if as_json:
        import json
        from decimal import Decimal

        def plain(value: Any) -> Any:
            return float(value) if isinstance(value, Decimal) else str(value)

        click.echo(json.dumps(document, default=plain, ensure_ascii=False))
        return
    for line in lines:
        click.echo(line)
