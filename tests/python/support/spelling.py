"""How the models spell identifiers, without starting dbt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

MACROS = Path(__file__).parents[3] / "macros"


def as_the_models_do(id_type: str, id_value: str) -> str:
    """The macro normalize_identifier for DuckDB; no dbt is started."""
    files = ("compat/replace_pattern", "identity/normalize_identifier")
    text = "".join((MACROS / f"{name}.sql").read_text() for name in files)
    made: dict[str, Any] = {}
    dispatch = {"dispatch": lambda name, _: made[f"default__{name}"]}
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    module = environment.from_string(text).make_module(
        {"return": lambda value: value, "adapter": dispatch}
    )
    made.update(vars(module))
    return str(made["normalize_identifier"](id_type, id_value))
