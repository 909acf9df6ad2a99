"""Names below `[sources]` in the settings: one that nothing reads is refused.

Settings that you read in code of your own need a name here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onecdp.errors import UsageProblem
from onecdp.project.settings import check_names

from .readers.live import LiveReader
from .sources.id_graph.service import ServiceSettings
from .sources.id_graph.tables import LINKS
from .sources.source import Source

OF_DLT = (
    "credentials", "data_writer", "extract", "max_table_nesting", "root_key", "schema",
    "schema_contract",
)  # fmt: skip
"""What dlt reads below `[sources]` and below each source."""
SOURCES_OF_DLT = ("filesystem", "rest_api", "sql_database")
OF_TABLE = ("columns", "store_plain_pii")
OF_SOURCE = (*OF_TABLE, "date_order")


def check_setting_names(
    said: Mapping[str, Any], sources: Sequence[Source], readers: Sequence[LiveReader]
) -> None:
    """Checks the names of sections and settings.

    Args:
        said: What the project says below `[sources]`.
        sources: All sources.
        readers: All live readers.

    Raises:
        UsageProblem: Nothing reads one; the message has the nearest name that there is.
    """
    check_names(said, "sources", [*(one.name for one in sources), *SOURCES_OF_DLT, *OF_DLT])
    for source in sources:
        known = {one.name: one.setting_names for one in readers}
        known |= {spec.table: (*OF_TABLE, *OF_DLT) for spec in source.tables}
        service = ServiceSettings.get_resolvable_fields() if source.name == LINKS.source else ()
        name = f"sources.{source.name}"
        section = _section(said, source.name, name)
        check_names(section, name, [*OF_SOURCE, *service, *known, *OF_DLT])
        for inner, names in known.items():
            check_names(_section(section, inner, f"{name}.{inner}"), f"{name}.{inner}", names)


def _section(said: Mapping[str, Any], name: str, shown: str) -> Mapping[str, Any]:
    section = said.get(name, {})
    if not isinstance(section, Mapping):
        raise UsageProblem(f"{shown} must be a section, [{shown}] (.dlt/config.toml)")
    return section
