"""Sections of the project's settings: .dlt/config.toml, .dlt/secrets.toml, the environment.

They follow dlt's conventions, without dlt, which the library doesn't import: the environment
(`COLLECTOR__WRITE_KEYS__WEB`) goes before secrets.toml, and that before config.toml.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from onecdp.errors import UsageProblem

SECTIONS = ("sources", "personal_data", "collector", "serving", "destinations", "customer_match")
_OF_DLT = ("destination",)
_TYPO = 0.8
"""How much a name resembles a section that was meant; files may have other sections of dlt's."""


def read_section(project: Path, section: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the project says in a section.

    Args:
        project: Its folder.
        section: The name of the section.
        environment: Usually `os.environ`.

    Raises:
        UsageProblem: A file can't be read, or the name of a section in it is misspelt; the message
            names the file, and no value.
    """
    said: dict[str, Any] = {}
    for name in ("config.toml", "secrets.toml"):
        _merge(said, _read(project / ".dlt" / name, section))
    _merge(said, _from_environment(environment, f"{section.upper()}__"))
    return said


def check_names(said: Iterable[str], section: str, known: Iterable[str]) -> None:
    """Raises `UsageProblem` for a setting that the section does not have, with the nearest one."""
    names = tuple(known)
    for name in said:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise UsageProblem(f"[{section}] has no setting {name!r}; {hint}")


def _read(file: Path, section: str) -> dict[str, Any]:
    try:
        sections = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{file}: it can't be read ({error})") from None
    except tomllib.TOMLDecodeError as error:
        # Its text has a position, and no value.
        raise UsageProblem(f"{file}: {error}") from None
    for name in sections:
        near = difflib.get_close_matches(name, SECTIONS, 1, _TYPO)
        if near and name not in (*SECTIONS, *_OF_DLT):
            raise UsageProblem(f"{file}: nothing reads [{name}]; did you mean [{near[0]}]?")
    found = sections.get(section, {})
    if not isinstance(found, dict):
        raise UsageProblem(f"{file}: {section} must be a section, [{section}]")
    return found


def _from_environment(environment: Mapping[str, str], prefix: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, value in environment.items():
        if name.startswith(prefix):
            *sections, last = name.removeprefix(prefix).lower().split("__")
            inner = said
            for section in sections:
                inner = inner.setdefault(section, {})
                if not isinstance(inner, dict):
                    raise UsageProblem(f"{name} and a shorter name of it are both set; drop one")
            inner[last] = value
    return said


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for name, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
