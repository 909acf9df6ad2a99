"""Settings of live readers in files: what is incomplete is told, and never a reader that is off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.ingestion import ROOT, Warehouse

from ingestion import project_settings

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
