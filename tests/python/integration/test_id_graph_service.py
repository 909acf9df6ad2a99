"""The id_graph source against a real service: what is asked, loaded, and asked again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from support.cli import make_project, run_cli
from support.id_graph import (
    MISDEEDS,
    GraphService,
    honest,
    in_order,
    link,
    serving,
    slow,
    status,
)
from support.ingestion import LINKS, RETAIL, Warehouse, retail_line

from ingestion.pipelines import IngestError

TOKEN = "very-secret-token"
MEMBERS = "member_id,mobile_hash,email_hash,retail_customer_id,updated_at"
EVENTS = "event_id,device_id,union_id,open_id,event_type,event_time"
ALL = [
    ("device_id", "D1"),
    ("email_hash", "ee"),
    ("member_id", "M1"),
    ("member_id", "M2"),
    ("mobile_hash", "aabb"),
    ("open_id", "O1"),
    ("retail_customer_id", "17850"),
    ("union_id", "U1"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Two members, an event and an invoice line, loaded: eight identifiers in many spellings."""
    made = Warehouse(tmp_path_factory.mktemp("base"))
    made.write(
        "crm/a.csv", MEMBERS, "M1, AABB,ee,17850.0,2024-01-01", "M2,aabb ,EE,,2024-01-01", "M2,,,,"
    )
    made.write("app/a.csv", EVENTS, "E1,D1,U1,O1,view,2024-01-01", "E2, D1,,,view,2024-01-02")
    made.write("retail/a.csv", RETAIL, retail_line())
    made.load()
    return made


@pytest.fixture
def warehouse(tmp_path: Path, base: Warehouse) -> Warehouse:
    """A copy of it."""
    shutil.copytree(base.folder, tmp_path / "warehouse")
    shutil.copytree(base.data, tmp_path / "data")
    return Warehouse(tmp_path)


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets settings as a user would; to begin with, quick ones and no service."""

    def use(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"SOURCES__ID_GRAPH__{name.upper()}", str(value))

    use(timeout=0.3, backoff=0.02, requests_per_second=500, max_attempts=2)
    return use


@pytest.fixture
def configured(settings: Callable[..., None]) -> Callable[[GraphService], GraphService]:
    """Makes a service the one that is asked."""

    def use(service: GraphService) -> GraphService:
        settings(url=service.url, token=TOKEN)
        return service

    return use


Configure = Callable[[GraphService], GraphService]


def links(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.query(
        "select left_id_type, left_id_value, right_id_value, confidence from raw_id_graph.links "
        "order by all"
    )


def asked(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.query("select id_type, id_value from raw_id_graph.asked order by all")


def test_without_a_service_nothing_is_different(base: Warehouse) -> None:
    assert not [notice for notice in base.notices if "service" in notice]
    assert base.query("from duckdb_tables() where table_name = 'asked'") == []


def test_every_identifier_is_asked_once(
    warehouse: Warehouse, configured: Configure, settings: Callable[..., None]
) -> None:
    settings(batch_size=3)
    with serving(honest) as running:
        service = configured(running)
        report = warehouse.load()["id_graph"]
        assert service.asked == ALL
        assert [len(call.identifiers) for call in service.calls] == [3, 3, 2]
        assert asked(warehouse) == ALL
        assert links(warehouse) == [(kind, value, f"graph_{value}", 0.9) for kind, value in ALL]
        assert warehouse.counts(report) == (8, 8, 0, 0, 0)
        assert (report.files_loaded, report.files_skipped, report.refused) == (0, 0, ())
        assert warehouse.notices == [
            "id_graph: asking the service about 8 identifiers",
            "id_graph: 8 of 8 identifiers answered with 8 links",
            "id_graph: writing 8 rows",
        ]
        for call in service.calls:
            assert set(call.body) == {"wants", "identifiers"}
            assert call.body["wants"] == "links"
            assert all(set(entry) == {"id_type", "id_value"} for entry in call.body["identifiers"])
            assert call.headers["Authorization"] == f"Bearer {TOKEN}"

        # Nothing new: nobody is asked, nothing is written. Then one new device.
        before = warehouse.query("from raw_id_graph.links order by all")
        warehouse.load()
        assert len(service.calls) == 3
        assert warehouse.query("from raw_id_graph.links order by all") == before
        warehouse.write("app/b.csv", EVENTS, "E3,D2,U1,O1,view,2024-01-03")
        warehouse.load()
        assert service.calls[-1].identifiers == [("device_id", "D2")]
        assert len(service.calls) == 4
    leaks = [
        path
        for path in warehouse.folder.rglob("*")
        if path.is_file() and TOKEN.encode() in path.read_bytes()
    ]
    assert leaks == []
    assert TOKEN not in "".join(warehouse.notices)


def test_an_answer_without_links_is_an_answer(warehouse: Warehouse, configured: Configure) -> None:
    with serving(lambda call: call.json({"links": []})) as running:
        service = configured(running)
        warehouse.load()
        warehouse.load()
        assert len(service.calls) == 1
    assert asked(warehouse) == ALL
    assert links(warehouse) == []


def test_a_failed_batch_is_asked_again_at_the_next_run(
    warehouse: Warehouse, configured: Configure, settings: Callable[..., None]
) -> None:
    settings(batch_size=4, max_attempts=1)
    with serving(in_order([honest, status(500), honest])) as running:
        service = configured(running)
        warehouse.load()
        first, failed = (call.identifiers for call in service.calls)
        assert asked(warehouse) == sorted(first)
        assert len(links(warehouse)) == 4
        (notice,) = [notice for notice in warehouse.notices if "answered" in notice]
        assert notice == (
            "id_graph: 4 of 8 identifiers answered with 4 links; "
            "1 of 2 batches failed (HTTP status 500, 1x); the rest is asked at the next run"
        )
        warehouse.load()
        assert sorted(service.calls[-1].identifiers) == sorted(failed)
    assert asked(warehouse) == ALL
    assert len(links(warehouse)) == 8


def test_no_misdeed_fails_the_run_or_loses_a_batch(
    warehouse: Warehouse, configured: Configure, settings: Callable[..., None]
) -> None:
    settings(batch_size=1, max_attempts=1, max_failures=100)
    for number in range(len(MISDEEDS)):
        warehouse.write(f"app/more{number}.csv", EVENTS, f"F{number},X{number},,,view,2024-01-01")
    with serving(in_order([misdeed for misdeed, _ in MISDEEDS.values()] + [honest])) as running:
        service = configured(running)
        report = warehouse.load()["id_graph"]
        spoiled = sorted(call.identifiers[0] for call in service.calls[: len(MISDEEDS)])
        assert warehouse.counts(report) == (8, 8, 0, 0, 0)
        assert not set(spoiled) & set(asked(warehouse))
        service.calls.clear()
        warehouse.load()
        assert service.asked == spoiled
    assert len(asked(warehouse)) == len(links(warehouse)) == 8 + len(MISDEEDS)
    text = "".join(warehouse.notices)
    assert "18 of 26 batches failed" in text
    assert TOKEN not in text
    assert running.url not in text


def test_a_lie_is_quarantined_with_its_reason(warehouse: Warehouse, configured: Configure) -> None:
    member = ("member_id", "M1")
    lies: list[tuple[object, str]] = [
        (7, "is not a JSON object"),
        (None, "is not a JSON object"),
        (["x"], "is not a JSON object"),
        (link(("member_id", "M9")), "neither identifier was asked about"),
        (link(("device_id", "M1")), "neither identifier was asked about"),
        (link(member, confidence=1.5), "confidence: '1.5' is not a number from 0 to 1"),
        (link(member, confidence=-1), "confidence: '-1' is not a number from 0 to 1"),
        (link(member, confidence=True), "confidence: 'true' is not a number from 0 to 1"),
        (link(member, confidence=[1]), "confidence: not of the right JSON type"),
        (link(member, first_seen="31/12/2024"), "first_seen: '31/12/2024' is not ISO 8601"),
        (link(member, is_active="perhaps"), "is_active: 'perhaps' is not true or false"),
        (link(member, right_id_value=7), "right_id_value: not of the right JSON type"),
        (link(member, right_id_value={"a": 1}), "right_id_value: not of the right JSON type"),
        (link(member, right_id_value=""), "right_id_value is missing"),
        (link(member, right_id_type=None), "right_id_type is missing"),
        ({}, "left_id_type is missing; left_id_value is missing; "
             "right_id_type is missing; right_id_value is missing"),
        (link(member, right_id_value="x" * 2_000_000), "row is longer than 1 MiB"),
    ]  # fmt: skip
    good = [
        # Without the optional time that can't be read; the next row supersedes it.
        link(member, first_seen="soon"),
        link(member),
        link(member, right_id_value="other way", is_active=False),
        link(("member_id", "M9"), right_id_type=" Device_ID ", right_id_value=" D1 "),
        link(("email_hash", " EE"), line_number=1, _file="x", evil={"a": [1]}, nul="a\0b"),
        link(member, right_id_value="nul\0inside"),
        link(member),
    ]
    answer = {"links": [lie for lie, _ in lies] + good, "more": "ignored"}
    with serving(lambda call: call.json(answer)) as running:
        configured(running)
        report = warehouse.load()["id_graph"]
    assert warehouse.counts(report) == (24, 5, 17, 1, 1)
    rows = warehouse.query(
        "select file, reason, payload, quarantined_at = (select max(_loaded_at) from "
        "raw_id_graph.links) from raw_id_graph.quarantine order by line"
    )
    assert [reason for _, reason, _, _ in rows] == [reason for _, reason in lies]
    assert all(json.loads(payload) == lie for (_, _, payload, _), (lie, _) in zip(
        rows[:5], lies[:5], strict=True))  # fmt: skip
    assert all(file.startswith("service/") and same for file, _, _, same in rows)
    columns = {name for (name, *_) in warehouse.query("describe raw_id_graph.links")}
    assert not columns & {"evil", "nul", "line_number"}
    assert len(links(warehouse)) == 5
    assert asked(warehouse) == ALL
    assert "24 links; 17 links quarantined" in "".join(warehouse.notices)
    balance = warehouse.query(
        "select rows_read, rows_loaded, rows_quarantined, rows_duplicate from raw_id_graph.loads"
    )
    assert balance == [(24, 5, 17, 1)]


def test_links_of_a_service_and_of_files_follow_the_same_rules(
    warehouse: Warehouse, configured: Configure
) -> None:
    warehouse.write(
        "id_graph/a.csv", LINKS, "member_id,M1,union_id,graph_M1,0.5,true", "x,y,z,,0.5,true"
    )
    with serving(honest) as running:
        configured(running)
        report = warehouse.load()["id_graph"]
    assert warehouse.counts(report) == (10, 9, 1, 0, 0)
    assert report.files_loaded == 1
    assert ("member_id", "M1", "graph_M1", 0.9) in links(warehouse)
    # What a file says later stands, too; the load times never go back.
    warehouse.write("id_graph/b.csv", LINKS, "member_id,M1,union_id,graph_M1,0.1,false")
    warehouse.load()
    assert ("member_id", "M1", "graph_M1", 0.1) in links(warehouse)
    times = warehouse.query(
        "select count(distinct _loaded_at), count(*) from (select distinct _file, _loaded_at "
        "from raw_id_graph.links)"
    )
    assert times == [(2, 2)]


def test_a_load_that_was_not_completed_covers_nothing(
    warehouse: Warehouse, configured: Configure
) -> None:
    with serving(honest) as running:
        service = configured(running)
        warehouse.load()
        with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as private:
            private.execute("delete from raw_id_graph._dlt_loads where load_id in "
                            "(select _dlt_load_id from raw_id_graph.asked)")  # fmt: skip
        warehouse.load()
        assert service.asked == sorted(ALL + ALL)
    assert asked(warehouse) == ALL


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"url": "http://graph.example"}, "url is not encrypted"),
        ({"url": "https://me:hunter2@graph.example"}, "url holds a user name or a password"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": "nan"}, "timeout is nan; it must be 0.001 or more"),
        ({"batch_size": 0}, "batch_size is 0; it must be 1 or more"),
        ({"max_failures": 0}, "max_failures is 0; it must be 1 or more"),
    ],
)
def test_settings_that_cannot_work_are_told_before_anything_is_loaded(
    warehouse: Warehouse,
    settings: Callable[..., None],
    values: dict[str, object],
    message: str,
) -> None:
    settings(**{"url": "https://graph.example", "token": TOKEN, **values})
    warehouse.write("crm/b.csv", MEMBERS, "M3,,,,")
    with pytest.raises(IngestError) as caught:
        warehouse.load()
    assert str(caught.value).startswith("the ID graph's service, [sources.id_graph]: ")
    assert message in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert warehouse.query("select count(*) from raw_crm.members") == [(2,)]


def test_the_command_line_takes_the_settings_from_the_projects_files(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    with serving(lambda call: slow(call) if len(service.calls) > 1 else honest(call)) as service:
        with (project / ".dlt" / "config.toml").open("a") as config:
            config.write(f'\n[sources.id_graph]\nurl = "{service.url}"\nbatch_size = 10\n')
        secrets = project / ".dlt" / "secrets.toml"
        secrets.write_text(f'[sources.id_graph]\ntoken = "{TOKEN}"\n')
        done = run_cli("ingest", "--json", cwd=project)
    assert done.code == 0, done.stderr
    assert service.calls[0].headers["Authorization"] == f"Bearer {TOKEN}"
    (report,) = [source for source in done.document()["sources"] if source["source"] == "id_graph"]
    assert report["rows_loaded"] == 15
    assert "10 of 53 identifiers answered with 10 links" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
