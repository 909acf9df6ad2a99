"""`onecdp serve --collect`: one process that answers, and takes events."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.api import Api, make_api_project, refused, serving, settings
from support.cli import run_cli
from support.collector import KEY, SETTINGS, open_files, rows
from support.serving import Person, World, publish_world

TRACK = {"type": "track", "event": "page_view", "userId": "U1", "messageId": "m1"}


def make_project(folder: Path) -> Path:
    """A project whose warehouse, and that of another tenant, have a store."""
    project = make_api_project(folder / "project", settings(folder / "other") + SETTINGS)
    (project / "seeds").mkdir()
    (project / "seeds/tracking_plan.csv").write_text("event,property,type,required\n")
    (folder / "other").mkdir()
    for warehouse in (project / "warehouse", folder / "other"):
        publish_world(warehouse, World((Person(1, ids=("union_id:U1",)),)))
    return project


def send(api: Api, path: str, message_id: str) -> int:
    document = {**TRACK, "messageId": message_id}
    answer = api.session.post(f"{api.url}/v1/{path}", json=document, auth=(KEY, ""), timeout=20)
    return answer.status_code


def test_one_process_answers_and_takes_events(tmp_path: Path) -> None:
    project, data = make_project(tmp_path), tmp_path / "data"
    with serving(project, "--collect", "--data", str(data)) as api:
        assert [send(api, "track", "m1"), send(api, "t", "m2")] == [200, 200]
        # By the direct answer, and by the routes.
        for path in ("/v1/profiles/union_id/U1", "/v1/profiles/union_id/U1?fields=level"):
            assert api.ask(path).json()["profile"]["level"] == "gold"
        assert api.ask("/v1/identities/union_id/U1").ok
        assert refused(api.ask("/v1/nothing")) == (404, "not_found")
        assert api.ask("/healthz", None).json() == {"status": "ok"}
        assert api.ask("/readyz", None).ok
        # Each has keys of its own.
        assert send(api, "track", "m3") == 200
        assert api.ask("/v1/track", document=TRACK).status_code == 401
        assert refused(api.ask("/v1/audiences", None)) == (401, "invalid_key")
        api.stop()
    assert {row["event_id"] for row in rows(data, "app/collector")} == {"m1", "m2", "m3"}
    assert open_files(data) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data", "x"], "--data is where --collect writes events"),
        (["--collect"], "name the folder for events with --data"),
    ],
)
def test_mistakes_of_the_options_are_one_line(
    tmp_path: Path, options: list[str], said: str
) -> None:
    finished = run_cli("serve", "--port", "0", *options, cwd=make_project(tmp_path))
    assert finished.code == 2
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr
