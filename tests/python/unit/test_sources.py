"""The shipped sources take what shops, sites, mail services and help desks write."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from support.line import REPOSITORY
from support.raw_store import RawStore

from ingestion.column_names import BadColumns, with_own_names
from ingestion.identifiers import attach_identifiers
from ingestion.landing.arrivals import Refused
from ingestion.pipelines import SOURCES
from ingestion.readers.kafka.broker import Messages
from ingestion.readers.kafka.lines import MessageLines
from ingestion.readers.sql.columns import Sort, choose_columns
from ingestion.readers.sql.settings import TableSettings
from ingestion.sources import consents, email, shop, support, web
from onecdp.collector.webhooks.shapes import SHIPPED, TABLES

SALES = "transaction_id,customer_id,amount,transaction_date,status,updated_at"


def store(folder: Path, spec: object) -> RawStore:
    return RawStore(folder, spec)  # type: ignore[arg-type]


def write(store: RawStore, name: str, *lines: str) -> None:
    (store.files / name).parent.mkdir(parents=True, exist_ok=True)
    store.write(name, *lines)


def test_a_folder_a_day_is_read(tmp_path: Path) -> None:
    raw = store(tmp_path, web.EVENTS)
    header = "event_id,anonymous_id,event_type,event_time"
    write(raw, "2026-06-01/x.csv", header, "E1,D1,page_view,2026-06-01 08:00:00")
    write(raw, "2026-06-02/x.csv", header, "E2,D1,page_view,2026-06-02 08:00:00")
    assert raw.load().counts.loaded == 2
    assert raw.query("select event_id, device_id, _file from raw_web.events order by all") == [
        ("E1", "D1", "2026-06-01/x.csv"),
        ("E2", "D1", "2026-06-02/x.csv"),
    ]


@pytest.mark.parametrize("provider", SHIPPED)
def test_what_webhooks_write_is_loaded(tmp_path: Path, provider: str) -> None:
    """Their columns are those of the table, under its names or others that it knows."""
    source = SHIPPED[provider].source
    spec = {"support": support.TICKETS, "email": email.EVENTS}[source]
    assert [spec.known(name) is not None for name in TABLES[source][1]] == [True] * len(
        TABLES[source][1]
    )
    values = {
        name: "2026-06-01T08:00:00Z" if name.endswith(("_at", "_time")) else f"a{number}"
        for number, name in enumerate(TABLES[source][1])
    }
    raw = store(tmp_path, spec)
    row = ", ".join(f'"{name}": "{value}"' for name, value in values.items())
    write(raw, "webhooks/2026-06-01T08-26-00-1f0c9a3e.jsonl", f"{{{row}}}")
    landed = raw.load()
    assert (landed.counts.loaded, landed.notices) == (1, ())
    identified = raw.query(f"select email_hash from {spec.dataset}.{spec.table}")
    assert identified == [(values.get("email") or values["requester_email"],)]


def test_a_ticket_loses_what_nobody_asked_for(tmp_path: Path) -> None:
    raw = store(tmp_path, support.TICKETS)
    header = "ticket_id,Requester Email,status,Subject,description"
    write(raw, "a.csv", header, "1,e1,open,My bill,Jo owes", "x" * 5, "2,4E+11,open,Secret,s")
    landed = raw.load()
    assert (landed.counts.loaded, landed.counts.quarantined) == (1, 2)
    assert landed.notices == (("a.csv", "columns that are not loaded: description, subject"),)
    columns = {name for name, *_ in raw.query("describe raw_support.tickets")}
    assert not {"subject", "description"} & columns
    # A line that is no row is kept as it is; a row has no more than would be loaded.
    payloads = str(raw.query("select payload from raw_support.quarantine"))
    assert "Secret" not in payloads


def test_a_ticket_keeps_the_subject_that_the_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SUPPORT__COLUMNS", '{"Subject": "subject"}')
    (spec,) = with_own_names([support.TICKETS])
    raw = store(tmp_path, spec)
    write(raw, "a.csv", "ticket_id,status,Subject,description", "1,open,My bill,text")
    assert raw.load().notices == (("a.csv", "columns that are not loaded: description"),)
    assert raw.query("select ticket_id, subject from raw_support.tickets") == [("1", "My bill")]

    found = [("ticket_id", Sort.TEXT), ("subject", Sort.TEXT), ("body", Sort.TEXT)]
    settings = TableSettings(table="tickets")
    assert choose_columns(spec, settings, found, None).names == ["ticket_id", "subject"]
    with pytest.raises(Refused, match=r"only if \[sources.support.columns\] names it"):
        choose_columns(spec, replace(settings, columns={"body": "body"}), found, None)

    monkeypatch.setenv("SOURCES__SUPPORT__COLUMNS", '{"Subject": "topic"}')
    with pytest.raises(BadColumns, match="or its own name in small letters"):
        with_own_names([support.TICKETS])


def test_a_deleted_transaction_needs_the_key_alone(tmp_path: Path) -> None:
    raw = store(tmp_path, shop.TRANSACTIONS)
    write(
        raw, "1.csv", SALES,
        "T1,C1,10,2026-06-01,pending,2026-06-01 08:00:00",
        "T2,C1,5,2026-06-01,completed,2026-06-01 08:00:00",
        "T3,C1,,2026-06-01,completed,2026-06-01 08:00:00",
    )  # fmt: skip
    write(raw, "2.csv", SALES, "T1,C1,10,2026-06-01,completed,2026-06-02 08:00:00")
    write(raw, "3.csv", "transaction_id,is_deleted", "T2,true", "T9,true", "T1,false")
    counts = raw.load().counts
    assert (counts.loaded, counts.quarantined, counts.superseded) == (4, 2, 1)
    reasons = {reason for (reason,) in raw.query("select reason from raw_shop.quarantine")}
    assert reasons == {
        "amount is missing",
        "amount is missing; transaction_date is missing; status is missing",
    }
    assert raw.query(
        "select transaction_id, amount, status, is_deleted from raw_shop.transactions order by 1"
    ) == [("T1", 10, "completed", None), ("T2", 5, "completed", True), ("T9", None, None, True)]


@pytest.mark.parametrize("spec", [t for s in SOURCES for t in s.tables], ids=lambda t: t.dataset)
def test_every_table_with_deletions_takes_a_tombstone(spec: object, tmp_path: Path) -> None:
    if spec.deleted is None:  # type: ignore[attr-defined]
        return
    lines = MessageLines(spec, is_debezium=False)  # type: ignore[arg-type]
    messages = Messages(offsets=[0], values=[None], keys={0: b"K1"})
    chunks = list(lines.chunks([messages]))
    assert not any(chunk.broken for chunk in chunks)
    (row,) = (row for chunk in chunks for row in chunk.table.to_pylist())
    assert (row[spec.key[0]], row[spec.deleted]) == ("K1", "true")  # type: ignore[attr-defined]


def test_choices_are_hashed_and_those_of_one_moment_are_all_kept(tmp_path: Path) -> None:
    (spec,) = attach_identifiers([consents.EVENTS], REPOSITORY)
    raw = store(tmp_path, spec)
    write(
        raw,
        "a.csv",
        "id_type,id_value,purpose,consent,at",
        "email_hash,Bob@Example.com,sms,granted,2026-06-01 08:00:00",
        "email_hash,bob@example.com ,sms,withdrawn,2026-06-01 08:00:00",
        "member_id,M1,sms,granted,2026-06-01 08:00:00",
        "member_id,M1,sms,granted,2026-06-01 08:00:00",
        "fax,1,sms,granted,2026-06-01 08:00:00",
        "member_id,M2,sms,,2026-06-01 08:00:00",
        "member_id,M3,sms,granted,whenever",
    )
    counts = raw.load().counts
    assert (counts.loaded, counts.duplicate, counts.quarantined) == (3, 1, 3)
    hashed = hashlib.sha256(b"bob@example.com").hexdigest()
    assert raw.query("select id_type, id_value, status from raw_consents.events order by all") == [
        ("email_hash", hashed, "granted"),
        ("email_hash", hashed, "withdrawn"),
        ("member_id", "M1", "granted"),
    ]
