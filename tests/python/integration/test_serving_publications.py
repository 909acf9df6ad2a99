"""What readers of the API see of publications, also of killed ones."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.api import make_api_project, refused, serving, settings
from support.api_worlds import ANSWERED, ASKED, OTHER
from support.cli import clean_environment
from support.serving import Person, World, build_world, publish_world

from onecdp.warehouse.files import Warehouse


def test_a_new_publication_is_served_by_itself(tmp_path: Path) -> None:
    """While it is published again and again, nobody gets an error or two of them in one answer."""
    (tmp_path / "other").mkdir()
    publish_world(tmp_path / "other", OTHER)
    project = make_api_project(tmp_path / "project", settings(tmp_path / "other"))
    numbers = range(1, 40)

    def publish(day: int) -> None:
        people = tuple(Person(n, f"day {day}", (f"member_id:M{n}",)) for n in numbers)
        publish_world(project / "warehouse", World(people, {f"day {day}": numbers}))

    publish(0)
    batch = {"identifiers": [{"id_type": "member_id", "id_value": f"M{n}"} for n in numbers]}
    with serving(project) as api:
        seen: list[str] = []
        for day in range(1, 4):
            publish(day)
            while not seen or seen[-1] != f"day {day}":
                answer = api.ask("/v1/profiles:batchGet", document=batch)
                assert answer.status_code == 200
                profiles = answer.json()["profiles"]
                (state,) = {(p["profile"]["level"], *p["audiences"]) for p in profiles}
                assert state[0] == state[1]
                seen.append(state[0])
        assert {"day 1", "day 2", "day 3"} <= set(seen)
        assert seen == sorted(seen)
        assert "onecdp_publications_total 4" in api.ask("/metrics").text
        (project / "warehouse" / "online.sqlite").unlink()
        # Whoever is erased now would be in the file that is still open.
        while api.ask("/readyz", None).ok:
            time.sleep(0.02)
        for name in ANSWERED:
            if name != "estimate":
                path, document = ASKED[name]
                assert refused(api.ask(path, document=document)) == (503, "no_store")
        assert api.ask("/healthz", None).ok
        assert api.ask("/v1/audiences", "other").ok


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


@pytest.mark.soak
def test_publications_killed_at_any_moment_leave_whole_stores(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    publish_world(tmp_path / "other", OTHER)
    project = make_api_project(tmp_path / "project", settings(tmp_path / "other"))
    warehouse, numbers = Warehouse(project / "warehouse"), range(1, 200)

    def world(day: int) -> World:
        people = tuple(Person(n, f"day {day}", (f"member_id:M{n}",)) for n in numbers)
        return World(people, {f"day {day}": numbers})

    # Of other marts, so that the first one below has all to write, and says how long that takes.
    publish_world(warehouse.folder, world(99))
    asked = [{"id_type": "member_id", "id_value": f"M{n}"} for n in range(1, 100)]
    killed, seen = 0, set()
    with serving(project) as api:

        def look() -> str:
            answer = api.ask("/v1/profiles:batchGet", document={"identifiers": asked})
            assert answer.status_code == 200
            (state,) = {(p["profile"]["level"], *p["audiences"]) for p in answer.json()["profiles"]}
            assert state[0] == state[1]
            return str(state[0])

        undisturbed = 0.0
        for day in range(12):
            build_world(warehouse, world(day))
            publishing = subprocess.Popen(
                [sys.executable, "-c", PUBLISH, str(warehouse.folder)],
                env=clean_environment(), stdout=subprocess.PIPE,
            )  # fmt: skip
            assert publishing.stdout is not None
            publishing.stdout.readline()
            began = time.monotonic()
            # The first one is not killed; the others from its start to its end.
            while publishing.poll() is None and (
                day == 0 or time.monotonic() - began < undisturbed * day / 10
            ):
                seen.add(look())
            undisturbed = undisturbed or time.monotonic() - began
            publishing.kill()
            killed += publishing.wait() == -signal.SIGKILL
            publishing.stdout.close()
            seen.add(look())
        publish_world(warehouse.folder, world(12))
        while (last := look()) != "day 12":
            seen.add(last)
    assert killed >= 4, (killed, undisturbed)
    assert not list(warehouse.folder.glob("*.tmp*"))
    assert len(seen) > 1
