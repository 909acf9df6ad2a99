"""Settings in files: a reader that lacks something and a name that is misspelt are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.ingestion import ROOT, Warehouse

from ingestion import project_settings
from ingestion.dlt_load import IngestError

Say = Callable[[str, str], None]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Writes config.toml and secrets.toml of the project whose settings are read."""
    folder = tmp_path / "project" / ".dlt"
    folder.mkdir(parents=True)
    monkeypatch.setattr(project_settings, "PROJECT", folder.parent)
    ours = (ROOT / ".dlt" / "config.toml").read_text()

    def write(config: str, secrets: str = "") -> None:
        (folder / "config.toml").write_text(ours + config)
        (folder / "secrets.toml").write_text(secrets)

    return write


TABLE = '[sources.crm.{}.tables.members]\ntable = "customers"\ncursor = "updated_at"\n'
URL = '[sources.crm.{}]\ncredentials = "mysql+pymysql://reader:hidden@localhost/shop"\n'
PARTS = '[sources.crm.{}.credentials]\nhost = "localhost"\n'
NONE = "has no credentials (.dlt/secrets.toml)"
ELSEWHERE = (
    "has its credentials in .dlt/config.toml, where they are not read: "
    "move them to .dlt/secrets.toml"
)


@pytest.mark.parametrize("reader", ["sql", "binlog"])
@pytest.mark.parametrize(
    ("config", "secrets", "told"),
    [
        (TABLE, "", NONE),
        ('[sources.crm.{}]\ntime_zone = "UTC"\n', "", NONE),
        (TABLE, '[sources.crm.{}.credentials]\npassword = "hidden"\n', NONE),
        ("", '[sources.crm.{}.credentials]\nusername = "reader"\n', NONE),
        (TABLE + URL, "", ELSEWHERE),
        (TABLE + PARTS, "", ELSEWHERE),
        ("", URL, "has no tables: add [sources.crm.{}.tables.<table>]"),
    ],
)
def test_a_database_without_all_it_needs_is_refused(
    warehouse: Warehouse, say: Say, reader: str, config: str, secrets: str, told: str
) -> None:
    say(config.replace("{}", reader), secrets.replace("{}", reader))
    report = warehouse.load(source="crm")["crm"]
    section = f"[sources.crm.{reader}]"
    assert report.refused == ((reader, f"{section} {told.replace('{}', reader)}"),)


@pytest.mark.parametrize(
    ("config", "secrets", "told"),
    [
        ('[sources.app.kafka.topics]\nevents = "t"\n', "", 'no bootstrap_servers = "host:9092"'),
        ("", '[sources.app.kafka.client]\n"sasl.password" = "hidden"\n', "no bootstrap_servers"),
        ('[sources.app.kafka]\nenvelope = "debezium"\n', "", "no bootstrap_servers"),
        ("", '[sources.app.kafka]\nbootstrap_servers = "localhost:9"\n', "no topics"),
    ],
)
def test_a_broker_without_all_it_needs_is_refused(
    warehouse: Warehouse, say: Say, config: str, secrets: str, told: str
) -> None:
    say(config, secrets)
    ((place, reason),) = warehouse.load(source="app")["app"].refused
    assert place == "kafka"
    assert reason.startswith(f"[sources.app.kafka] has {told}")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("[sources.crn.columns]", "[sources] has no setting 'crn'; did you mean crm?"),
        ("[sources.people]", "[sources] has no setting 'people'; there are crm, app, "),
        ("[sources.crm.colums]", "[sources.crm] has no setting 'colums'; did you mean columns?"),
        ("[sources.crm.sqll]", "[sources.crm] has no setting 'sqll'; did you mean sql?"),
        ("[sources.retail]\ndate_oder = 'day_first'", "did you mean date_order?"),
        ("[sources.crm]\nstore_plain_pi = []", "did you mean store_plain_pii?"),
        ("[sources.shop.customer.columns]", "[sources.shop] has no setting 'customer'; did you me"),
        ("[sources.shop.customers]\ndate_order = 'day_first'", "has no setting 'date_order'"),
        ("[sources.crm.sql]\ntimezone = 'UTC'", "[sources.crm.sql] has no setting 'timezone'"),
        ("[sources.app.kafka]\ntopic = 't'", "did you mean topics?"),
        ("[sources.id_graph]\nurll = 'x'", "did you mean url?"),
        ("[sources]\ncrm = 1", "sources.crm must be a section, [sources.crm]"),
        ("[source.crm.columns]", "nothing reads [source]; did you mean [sources]?"),
        ("[personal_dat]", "nothing reads [personal_dat]; did you mean [personal_data]?"),
        ("[colector]", "nothing reads [colector]; did you mean [collector]?"),
    ],
)
def test_a_name_that_nothing_reads_is_refused(
    warehouse: Warehouse, say: Say, config: str, told: str
) -> None:
    for files in ((config, ""), ("", config)):
        say(*files)
        with pytest.raises(IngestError) as stopped:
            warehouse.load(source="crm")
        assert told in str(stopped.value)


OTHERS = """
[destination.duckdb]
[extract.data_writer]
file_max_items = 100000
[my_own]
[sources.data_writer]
buffer_max_items = 1000
[sources.crm.extract]
workers = 1
[sources.filesystem]
client_kwargs = {}
[sources.id_graph]
timeout = 1
[sources.id_graph.sql]
"""


def test_settings_of_dlt_stay_allowed(warehouse: Warehouse, say: Say) -> None:
    say(OTHERS, "")
    assert warehouse.load(source="crm")["crm"].refused == ()
