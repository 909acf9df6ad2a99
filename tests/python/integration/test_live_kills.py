"""Collector, follower, server and publish are killed under load: all answers stay right."""

from __future__ import annotations

import datetime as dt
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from support.api import Api, start_api
from support.cli import clean_environment
from support.collector import Collector, start_collector, track
from support.live_process import make_live_project, start_live, wait_until
from support.serving import Person, World, build_world, publish_world

from onecdp.warehouse.files import Warehouse

DEVICES = 7
IDENTIFIERS = [{"id_type": "device_id", "id_value": f"device-{n}"} for n in range(DEVICES)]
PUBLISH = """
import sys
from pathlib import Path
from onecdp.pipeline.publish import publish_marts
from onecdp.serving import write_store
from onecdp.serving.places import FilePlace, Stores
from onecdp.warehouse.files import Warehouse
print(flush=True)
warehouse = Warehouse(Path(sys.argv[1]))
publish_marts(warehouse, stores=Stores(FilePlace(warehouse)))
"""


def world(day: int) -> World:
    """A customer for each device of `track`, who says in two places which day it is."""
    people = tuple(Person(n + 1, f"day {day}", (f"device_id:device-{n}",)) for n in range(DEVICES))
    return World(people, {f"day {day}": range(1, DEVICES + 1)})


@dataclass
class Site:
    """What is killed, what was acknowledged and what was wrongly answered."""

    project: Path
    data: Path
    collector: Collector
    live: subprocess.Popen[str]
    api: Api
    day: int = 0
    has_ended: threading.Event = field(default_factory=threading.Event)
    acknowledged: list[int] = field(default_factory=lambda: [0] * DEVICES)
    wrong: list[object] = field(default_factory=list)
    answers: int = 0

    def send(self) -> None:
        """Sends events, each as often as it takes, as an SDK does."""
        number = 0
        while not self.has_ended.is_set():
            event = track(number, timestamp=dt.datetime.now(dt.UTC).isoformat())
            while not self._takes(event):
                time.sleep(0.02)
            self.acknowledged[number % DEVICES] += 1
            number += 1

    def _takes(self, event: dict[str, object]) -> bool:
        try:
            return self.collector.post("track", event).ok
        except requests.RequestException:
            return False

    def look(self) -> None:
        """Looks all customers up at once, again and again."""
        while not self.has_ended.is_set():
            try:
                answer = self.api.ask(
                    "/v1/profiles:batchGet", document={"identifiers": IDENTIFIERS}
                )
            except requests.RequestException:
                time.sleep(0.02)
                continue
            if answer.status_code != 200:
                self.wrong.append((answer.status_code, answer.text))
                continue
            self.answers += 1
            told = {(p["profile"]["level"], *p["audiences"]) for p in answer.json()["profiles"]}
            if len(told) != 1 or len(set(*told)) != 1:
                self.wrong.append(told)

    def kill(self, what: str, chance: random.Random) -> None:
        """Kills one, and starts it again."""
        if what == "collector":
            port = self.collector.port
            self.collector.kill()
            self.collector = start_collector(self.project, self.data, port)
        elif what == "live":
            self.live.kill()
            self.live.wait()
            self.live = start_live(self.project, self.data, self.project / "warehouse")
        elif what == "server":
            self.api.kill()
            self.api = start_api(self.project)
        else:
            self.day += 1
            warehouse = self.project / "warehouse"
            build_world(Warehouse(warehouse), world(self.day))
            publishing = subprocess.Popen(
                [sys.executable, "-c", PUBLISH, str(warehouse)],
                env=clean_environment(), stdout=subprocess.PIPE,
            )  # fmt: skip
            assert publishing.stdout is not None
            publishing.stdout.readline()
            time.sleep(chance.uniform(0, 0.4))
            publishing.kill()
            publishing.wait()
            publishing.stdout.close()


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_kills_of_all_under_load_leave_right_answers(tmp_path: Path, kills: int) -> None:
    project, data = make_live_project(tmp_path / "project", world(0)), tmp_path / "data"
    chance = random.Random(kills)
    site = Site(
        project, data, start_collector(project, data),
        start_live(project, data, project / "warehouse"), start_api(project),
    )  # fmt: skip
    threads = [threading.Thread(target=work) for work in (site.send, site.look)]
    for thread in threads:
        thread.start()
    try:
        victims = ["collector", "live", "server", "publish"] * kills
        chance.shuffle(victims)
        for what in victims:
            time.sleep(chance.uniform(0.05, 0.5))
            site.kill(what, chance)
        time.sleep(0.5)
    finally:
        site.has_ended.set()
        for thread in threads:
            thread.join()
    try:
        assert site.wrong == []
        assert site.answers > kills
        assert min(site.acknowledged) > kills
        publish_world(project / "warehouse", world(site.day + 1))

        def counts() -> list[object]:
            told = site.api.ask("/v1/profiles:batchGet", document={"identifiers": IDENTIFIERS})
            profiles = told.json()["profiles"]
            if {p["profile"]["level"] for p in profiles} != {f"day {site.day + 1}"}:
                return []
            return [p["live"]["events_24h"] for p in profiles]

        wait_until(lambda: counts() == site.acknowledged)
        assert not list((project / "warehouse").glob("online*.tmp*"))
    finally:
        site.live.kill()
        site.collector.kill()
        site.api.kill()
