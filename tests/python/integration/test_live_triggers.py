"""Triggers of a running `onecdp live`: what docs/triggers.md shows, and kills at any moment."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cli import REPOSITORY, make_project, run_cli
from support.live_process import following, start_live, wait_until
from support.serving import Person, World, publish_world
from support.webhooks import SECRET, Service

from onecdp.audiences.rules import parse
from onecdp.live.features import read_features
from onecdp.live.state import LiveState
from onecdp.live.triggers.declared import SEED, read_triggers

DOCS = (REPOSITORY / "docs/triggers.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCS, re.DOTALL | re.M)
TOLD = "\n[destinations.shop]\ntype = 'webhook'\nsecret = '{}'\nurl = '{}'\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("triggers") / "project")


@pytest.fixture
def project(made: Path) -> Iterator[Path]:
    files = [made / name for name in (".dlt/config.toml", ".dlt/secrets.toml", SEED)]
    before = [each.read_text() if each.exists() else "" for each in files]
    yield made
    for file, text in zip(files, before, strict=True):
        file.write_text(text)


class Log:
    """The collector's file, written by hand."""

    def __init__(self, data: Path) -> None:
        (data / "app/collector").mkdir(parents=True)
        self.file = data / "app/collector/a.jsonl"
        self.number = 0

    def view(self, device: str) -> None:
        self.number += 1
        now = dt.datetime.now(dt.UTC).isoformat()
        row = {"event_id": f"e{self.number}", "device_id": device, "event_type": "page_view",
               "event_time": now}  # fmt: skip
        # As the one that the collector has open: it is renamed when it is closed.
        with (self.file.with_name(f".{self.file.name}.open")).open("a") as stream:
            stream.write(json.dumps(row) + "\n")


def world(people: int) -> World:
    customers = [
        Person(number, level="High Value", ids=(f"device_id:device-{number}",))
        for number in range(1, people + 1)
    ]
    return World(customers)


def consents(people: int, purpose: str = "email_marketing") -> str:
    rows = ", ".join(
        f"('{Person(number).one_id}', '{purpose}', 'granted', null, null, null, null, null)"
        for number in range(1, people + 1)
    )
    return f"insert into marts.customer_consents values {rows}"


def test_worked_example_of_the_docs(project: Path, tmp_path: Path) -> None:
    data, warehouse, calls = tmp_path / "data", tmp_path / "warehouse", list[dict[str, Any]]()
    service = Service(lambda _, body: calls.append(json.loads(body)))
    seed = next(body for kind, body in BLOCKS if kind == "csv")
    (project / SEED).write_text(seed.partition("\n")[2])
    config, secrets, _ = (body for kind, body in BLOCKS if kind == "toml")
    config = config.replace("https://shop.example/triggers", service.url)
    with (project / ".dlt/config.toml").open("a") as file:
        file.write(config)
    (project / ".dlt/secrets.toml").write_text(
        secrets.replace("what the calls are signed with", SECRET)
    )
    # Neither of them is held out.
    warehouse.mkdir()
    publish_world(warehouse, world(2), consents(1))
    log = Log(data)
    with following(project, data, warehouse):
        for _ in range(5):
            log.view("device-1")
            log.view("device-2")
        wait_until(lambda: len(calls) == 1)
        # The second customer has consented now, the first is suppressed.
        publish_world(
            warehouse, world(2), consents(2), consents(1).replace("granted", "suppressed")
        )
        wait_until(lambda: len(calls) == 3)
    service.close()
    shown = json.loads(next(body for kind, body in BLOCKS if kind == "json"))
    entered = calls[0]
    assert entered.keys() == shown.keys()
    assert (entered["trigger"], entered["action"]) == (shown["trigger"], shown["action"])
    assert entered["one_id"] == Person(1).one_id
    assert entered["event_id"] == f"{entered['stay_id']}-entered"
    changes = sorted((each["action"], each["one_id"]) for each in calls[1:])
    assert changes == [("entered", Person(2).one_id), ("left", Person(1).one_id)]
    assert not service.unsigned


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_kills_lose_nobody_and_tell_nobody_twice(project: Path, tmp_path: Path, kills: int) -> None:
    data, warehouse, chance = tmp_path / "data", tmp_path / "warehouse", random.Random(kills)
    keys: list[str] = []
    service = Service(lambda headers, _: keys.append(headers["Idempotency-Key"]))
    service.answers = [chance.choice([200, 503]) for _ in range(5)]
    (project / SEED).write_text(
        "trigger,rule,purpose,hold_out_share,cool_down,destination\n"
        "browsing,live.page_views_30m >= 3,,,,shop\n"
    )
    with (project / ".dlt/config.toml").open("a") as file:
        file.write("\n[serving]\nonline_store = true\n" + TOLD.format(SECRET, service.url))
    people = 40 * (kills + 1)
    warehouse.mkdir()
    publish_world(warehouse, world(people))
    log = Log(data)
    process = start_live(project, data, warehouse)
    for round_ in range(kills + 1):
        for number in range(40):
            for _ in range(3):
                log.view(f"device-{40 * round_ + number + 1}")
            time.sleep(chance.random() / 100)
        if round_ < kills:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.stderr is not None
            process.stderr.close()
            process = start_live(project, data, warehouse)
    wait_until(lambda: len(set(keys)) == people, 60)
    process.terminate()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "ONE" not in said
    service.close()
    state = LiveState(warehouse / "live.sqlite")
    stays = state.connection.execute("select stay_id from trigger_stays where is_in").fetchall()
    assert sorted(set(keys)) == sorted(f"{stay}-entered" for (stay,) in stays)
    state.close()
    # What was sent twice was on its way at a kill.
    assert len(keys) - len(set(keys)) <= kills


@pytest.mark.parametrize(
    ("rule", "settings", "said"),
    [
        ("live.page_view_30m", "", 'x: unknown live feature "page_view_30m" at character 1'),
        ("live.events_5m", "", "triggers need the online store"),
        (
            "live.events_5m", "\n[serving]\nonline_store = true\n",
            "seeds/triggers.csv, line 2: no destination 'shop' in the settings",
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told_in_one_line(
    project: Path, tmp_path: Path, rule: str, settings: str, said: str
) -> None:
    (project / SEED).write_text(
        f"trigger,rule,purpose,hold_out_share,cool_down,destination\nx,{rule},,,,shop\n"
    )
    with (project / ".dlt/config.toml").open("a") as file:
        file.write(settings)
    done = run_cli(
        "live", "--data", "exports", "--warehouse", str(tmp_path / "warehouse"), cwd=project
    )
    assert done.code == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert [*tmp_path.iterdir()] == []


def test_tag_that_is_not_published_is_told_and_waited_for(project: Path, tmp_path: Path) -> None:
    data, warehouse, calls = tmp_path / "data", tmp_path / "warehouse", list[str]()
    service = Service(lambda headers, _: calls.append(headers["Idempotency-Key"]))
    (project / SEED).write_text(
        "trigger,rule,purpose,hold_out_share,cool_down,destination\n"
        "x,live.page_views_30m AND Hgh,,,,shop\n"
    )
    with (project / ".dlt/config.toml").open("a") as file:
        file.write("\n[serving]\nonline_store = true\n" + TOLD.format(SECRET, service.url))
    warehouse.mkdir()
    publish_world(warehouse, World([Person(1, level="High", ids=("device_id:device-1",))]))
    log = Log(data)
    log.view("device-1")
    process = start_live(project, data, warehouse)
    assert process.stderr is not None
    assert process.stderr.readline() == "triggers: x\n"
    assert re.match(
        'seeds/triggers.csv, line 2: trigger x: unknown tag "Hgh"; nearest: "High": .*<here>Hgh; '
        "it waits for a publication that has it\n",
        process.stderr.readline(),
    )
    publish_world(warehouse, World([Person(1, level="Hgh", ids=("device_id:device-1",))]))
    wait_until(lambda: len(calls) == 1)
    process.terminate()
    process.communicate(timeout=20)
    service.close()


def test_rules_of_the_docs_can_be_read(tmp_path: Path) -> None:
    seed = next(body for kind, body in BLOCKS if kind == "csv")
    (tmp_path / "seeds").mkdir()
    (tmp_path / SEED).write_text(seed.partition("\n")[2])
    (browsing,) = read_triggers(tmp_path, read_features(REPOSITORY))
    assert browsing.expression == parse(
        'live.page_views_30m >= 5 AND "High Value" AND NOT live.purchased_24h'
    )
