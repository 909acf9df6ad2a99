"""A person who was erased does not come back in another spelling."""

from __future__ import annotations

import duckdb
from support.ingestion import Warehouse
from support.odd_files import FORMATS, event, item, line, link, member, send, values

from ingestion.erasure import set_tombstones

PERSON = (("member_id", "U1"), ("device_id", "U1"), ("retail_customer_id", "U1"))
SPELLINGS = (
    "U1", " U1 ", "U1\n", "U1\t", "\r\nU1\r\n", "\ufeffU1", "U1\u200b", "\u3000U1", "\uff351",
    '="U1"',
)  # fmt: skip


@item(5)
def test_erased_person_stays_out_in_any_spelling(warehouse: Warehouse) -> None:
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as private:
        set_tombstones(private, warehouse.folder, PERSON)
    for suffix in FORMATS:
        crm = [member(spelling, real_name=f"{n}") for n, spelling in enumerate(SPELLINGS)]
        send(warehouse, f"crm/a.{suffix}", [*crm, member("U2", real_name="other")])
        app = [event(f"E{n}{suffix}", device_id=spelled) for n, spelled in enumerate(SPELLINGS)]
        send(warehouse, f"app/a.{suffix}", app)
        lines = [line(f"{n}{suffix}", **{"Customer ID": s}) for n, s in enumerate(SPELLINGS)]
        send(warehouse, f"retail/a.{suffix}", lines)
        links = [link(spelled, f"R{n}{suffix}") for n, spelled in enumerate(SPELLINGS)]
        send(warehouse, f"id_graph/a.{suffix}", links)
    reports = warehouse.load()
    assert values(warehouse, "crm", "member_id") == ["U2"]
    assert set(values(warehouse, "app", "device_id")) <= {None}
    assert set(values(warehouse, "retail", "customer_id")) <= {None}
    assert values(warehouse, "id_graph", "left_id_value") == []
    assert reports["crm"].rows_erased == len(SPELLINGS) * len(FORMATS)
