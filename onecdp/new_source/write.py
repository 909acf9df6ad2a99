"""Writes the files of a new source: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.new_source import texts, yaml_texts
from onecdp.new_source.edits import edits
from onecdp.new_source.plan import Plan


@dataclass(frozen=True)
class Written:
    """What was done.

    Attributes:
        new: The files that were written.
        changed: The files that were added to.
        by_hand: What is to be added by hand to others, by file.
    """

    new: tuple[Path, ...]
    changed: tuple[Path, ...]
    by_hand: Mapping[Path, str]


def new_files(plan: Plan) -> dict[Path, str]:
    """The new files of a source, by their paths below the project."""
    name = plan.name
    staging = Path("models/staging", name)
    files = {
        Path("ingestion/sources", name, "__init__.py"): texts.declaration(plan),
        Path("ingestion/sample", name, f"{plan.table}.csv"): texts.sample(plan),
        staging / f"_{name}__sources.yml": yaml_texts.sources_yml(plan),
        staging / f"_{name}__models.yml": yaml_texts.models_yml(plan),
        staging / f"{plan.staging}.sql": texts.staging_sql(plan),
    }
    if plan.has_events:
        events = Path("models/intermediate/events")
        test = Path("tests/dbt/singular", f"assert_{name}_events_are_conserved.sql")
        files |= {
            events / f"int_events__{name}.sql": texts.events_sql(plan),
            events / f"_int_events__{name}.yml": yaml_texts.events_yml(plan),
            test: texts.conserved_sql(plan),
        }
    return files


def write_source(plan: Plan, project: Path) -> Written:
    """Writes a source into a project.

    Raises:
        UsageProblem: One of its files is there already.
        OnecdpError: A file can't be written; nothing has changed then.
    """
    files = new_files(plan)
    if there := [file for file in files if (project / file).exists()]:
        raise UsageProblem(f"{there[0]} is there already; choose another name for the source")
    changes: dict[Path, str] = {}
    by_hand: dict[Path, str] = {}
    old: dict[Path, str] = {}
    try:
        for edit in edits(plan):
            old[edit.file] = (project / edit.file).read_text(encoding="utf-8")
            changed = edit.change(old[edit.file])
            if changed is None:
                by_hand[edit.file] = edit.by_hand
            else:
                changes[edit.file] = changed
    except (OSError, UnicodeDecodeError) as error:
        raise OnecdpError(f"{edit.file}: it can't be read ({error})") from None
    made: list[Path] = []
    try:
        for file, text in (*files.items(), *changes.items()):
            path = project / file
            for folder in reversed([f for f in path.parents if not f.exists()]):
                folder.mkdir()
                made.append(folder)
            if file in files:
                made.append(path)
            _replace(path, text)
    except BaseException as error:
        _undo(project, made, {file: old[file] for file in changes})
        if isinstance(error, OSError):
            raise OnecdpError(
                f"{error.filename or file}: {error.strerror}; nothing was written"
            ) from error
        raise
    return Written(tuple(files), tuple(changes), by_hand)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _undo(project: Path, made: list[Path], old: Mapping[Path, str]) -> None:
    for file, text in old.items():
        if (project / file).read_text(encoding="utf-8") != text:
            _replace(project / file, text)
    for path in reversed(made):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
