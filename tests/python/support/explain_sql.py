"""The SQL of explain, rendered from the project's models and macros without dbt."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jinja2

from support.line import REPOSITORY

SCHEMAS = {"int_": "intermediate", "stg_": "staging", "id_map": "marts", "id_link_r": "marts"}
VARIABLES = {"identity_min_confidence": 0.8, "identity_max_cluster_size": 4}
IDENTIFIER_COLUMNS = {
    "stg_crm__members": {
        name: name for name in ("member_id", "mobile_hash", "email_hash", "retail_customer_id")
    },
    "stg_app__events": {name: name for name in ("union_id", "open_id", "device_id")},
    "stg_retail__transactions": {"retail_customer_id": "retail_customer_id"},
}


class _Relation(str):
    def include(self, database: bool) -> str:
        return str(self)


class _Adapter:
    """What the macros ask of dbt's adapter: the variant of a macro for DuckDB."""

    def __init__(self) -> None:
        self.macros: dict[str, Any] = {}

    def dispatch(self, name: str, _package: str) -> Any:
        return self.macros[f"default__{name}"]


def explain_functions() -> dict[str, str]:
    """The functions that the build creates, rendered without dbt: {signature: query}."""
    macros = _macros()
    functions: dict[str, str] = macros["explain_functions"]()
    return functions


def model(name: str) -> str:
    """The SQL of a model of models/intermediate/identity/explain, rendered without dbt."""
    file = REPOSITORY / "models/intermediate/identity/explain" / f"{name}.sql"
    return _environment().from_string(file.read_text()).render(_macros())


def _environment() -> jinja2.Environment:
    return jinja2.Environment(extensions=["jinja2.ext.do"])


def _macros() -> dict[str, Any]:
    """The project's macros that explain needs, with stand-ins for what dbt gives them."""
    adapter = _Adapter()
    returned: list[Any] = []

    def give_back(value: Any) -> str:
        returned.append(value)
        return str(value)

    context: dict[str, Any] = {
        "ref": _ref,
        "var": VARIABLES.__getitem__,
        "return": give_back,
        "adapter": adapter,
        "dbt": SimpleNamespace(type_string=lambda: "varchar"),
        "identifier_columns": lambda: IDENTIFIER_COLUMNS,
    }
    files = [
        *sorted((REPOSITORY / "macros/identity/explain").glob("*.sql")),
        *(
            REPOSITORY / f"macros/identity/{name}.sql"
            for name in ("normalize_identifier", "to_half_width", "row_sources")
        ),
        *(
            REPOSITORY / f"macros/compat/{name}.sql"
            for name in ("is_ascii", "replace_pattern", "text_literal")
        ),
    ]
    text = "".join(file.read_text() for file in files)
    module = _environment().from_string(text, globals=context).module
    macros = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    adapter.macros = macros

    def giving_data(name: str) -> Callable[[], Any]:
        def call() -> Any:
            macros[name]()
            return returned[-1]

        return call

    given = {name: giving_data(name) for name in ("explain_functions", "row_sources")}

    def sources_with_identifiers() -> dict[str, Any]:
        sources = given["row_sources"]().items()
        return {name: one for name, one in sources if one["model"] in IDENTIFIER_COLUMNS}

    return context | macros | given | {"sources_with_identifiers": sources_with_identifiers}


def _ref(name: str) -> _Relation:
    schema = next((s for start, s in SCHEMAS.items() if name.startswith(start)), "seeds")
    return _Relation(f'"{schema}"."{name}"')
