"""The product's SQL for the identity benchmark."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

MACROS = Path(__file__).parents[2] / "macros"

_PRIORITY = "(case {} when 'member' then 1 when 'phone' then 2 when 'email' then 3 else 4 end)"


@cache
def macros() -> Any:
    """Returns the product's macros as functions that return DuckDB SQL, without starting dbt."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    files = [
        "compat/hash_63_bits",
        "compat/xor_bits",
        "identity/node_id",
        "identity/sql_components",
    ]
    module: Any = None
    environment.globals.update(
        {
            "return": lambda value: value,
            "local_md5": lambda text: hashlib.md5(text.encode()).hexdigest(),
            "adapter": {"dispatch": lambda name, _: getattr(module, f"default__{name}")},
        }
    )
    text = "\n".join((MACROS / f"{name}.sql").read_text() for name in files)
    module = environment.from_string(text).module
    return module


def node_id(id_type: str = "id_type", id_value: str = "id_value") -> str:
    """Returns SQL for the node_id of an identifier."""
    return str(macros().node_id(id_type, id_value))


def check_value(id_type: str = "id_type", id_value: str = "id_value") -> str:
    """Returns SQL for a second hash: 31 upper bits of the MD5 whose lower bits are the node_id."""
    return f"cast(md5_number({id_type} || ':' || {id_value}) >> 97 as int)"


def hashed_edges(links: str, changed_at: str, more: str = "") -> str:
    """Returns a query of edges, with the columns that `resolve` takes."""
    left, right = (("left_id_type", "left_id_value"), ("right_id_type", "right_id_value"))
    return f"""
        select {more}
            {node_id(*left)} as left_node_id, {node_id(*right)} as right_node_id,
            {check_value(*left)} as left_check, {check_value(*right)} as right_check,
            {_PRIORITY.format("left_id_type")}::smallint as left_priority,
            {_PRIORITY.format("right_id_type")}::smallint as right_priority,
            1::smallint as method_rank, 0.95::double as confidence, null::timestamp as first_seen,
            null::timestamp as last_seen, true as is_present,
            timestamp '{changed_at}' as changed_at
        from {links}
    """
