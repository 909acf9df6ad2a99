"""A data folder in object storage, at a real S3 server: the same files and rules as on a disk."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.ingestion import EVENTS, MEMBERS, ROOT, Warehouse, content
from support.object_storage import KEY, SECRET, S3Server, needs_s3

from ingestion import pipelines
from ingestion.pipelines import IngestError, SourceReport, load
from ingestion.readers import object_settings, objects
from onecdp.cli.main import main
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.pipeline.ingest import check
from onecdp.project.find import open_project

pytestmark = needs_s3

FILES = {
    "crm/members.csv": f"{MEMBERS}\nM1,Ann,5,2026-01-01\nM2,Bob,6,2026-01-01\nM3,E,x,2026-01-01\n",
    "crm/old/Größe 1+2.csv": f"{MEMBERS}\nM9,Old,1,2020-01-01\nM1,Old,1,2020-01-01\n",
    "crm/.hidden/x.csv": "no,matter\n",
    "crm/notes.txt": "hello",
    "app/events/2026-06-01/a.csv": f"{EVENTS}\n" + "E1,view,1.5,2026-06-01\n" * 2 + ",view,2,,\n",
}
LEAVE_OUT = ("_dlt_load_id", "_loaded_at")


def put(s3: S3Server, folder: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        s3.put(f"{folder}/{name}", text.encode())


def load_at(data: Path | str, warehouse: Warehouse, *sources: str) -> dict[str, SourceReport]:
    chosen = sources or ("crm", "app")
    reports = load(data, warehouse.folder, warehouse.notices.append, sources=chosen)
    return {report.source: report for report in reports}


def state(warehouse: Warehouse) -> list[list[tuple[object, ...]]]:
    return [
        content(warehouse, "raw_crm.members", LEAVE_OUT),
        warehouse.quarantine("crm"),
        warehouse.query(
            "select file, fingerprint, content, rows_read from raw_crm.loads order by all"
        ),
    ]


def test_a_bucket_loads_like_a_folder_and_only_what_changed_is_fetched(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, local = Warehouse(tmp_path / "s3"), Warehouse(tmp_path / "local")
    packed = gzip.compress(f"{MEMBERS}\nM4,Zip,4,2026-01-01\n".encode(), mtime=0)
    put(s3, f"{bucket}/exports", FILES)
    s3.put(f"{bucket}/exports/crm/packed.csv.gz", packed)
    for name, text in FILES.items():
        local.write_bytes(name, text.encode())
    local.write_bytes("crm/packed.csv.gz", packed)
    url = f"s3://{bucket}/exports"

    found, expected = load_at(url, stored), load_at(local.data, local)
    for source in ("crm", "app"):
        assert stored.counts(found[source]) == local.counts(expected[source])
        assert found[source].left_out == expected[source].left_out
    assert state(stored) == state(local)
    events = [content(each, "raw_app.events", LEAVE_OUT) for each in (stored, local)]
    assert events[0] == events[1] != []

    fetched: list[str] = []
    ask = objects.Storage._ask

    def spy(self: objects.Storage, what: str, *args: object, **options: object) -> object:
        fetched.extend([str(args[0])] if what == "get_file" else [])
        return ask(self, what, *args, **options)

    monkeypatch.setattr(objects.Storage, "_ask", spy)
    again = load_at(url, stored)
    assert [(r.files_loaded, r.files_skipped) for r in again.values()] == [(0, 3), (0, 1)]
    assert fetched == []

    # A changed object is a new version; one with the bytes of another is not loaded again.
    put(s3, f"{bucket}/exports", {"crm/members.csv": f"{MEMBERS}\nM1,Anne,5,2026-02-01\n"})
    put(s3, f"{bucket}/exports", {"crm/moved.csv": FILES["crm/members.csv"]})
    changed = load_at(url, stored, "crm")
    assert stored.counts(changed["crm"]) == (1, 1, 0, 0, 0)
    assert [name.rsplit("/", 1)[-1] for name in fetched] == ["members.csv", "moved.csv"]
    assert any("moved.csv: has the same content" in notice for notice in stored.notices)
    assert stored.query("select real_name from raw_crm.members where member_id = 'M1'") == [
        ("Anne",)
    ]

    # Without what is remembered, everything is fetched, and nothing is loaded twice.
    (stored.folder / ".dlt" / "objects.json").unlink()
    assert load_at(url, stored, "crm")["crm"].rows_read == 0
    assert not list((stored.folder / ".dlt").glob("scratch*"))


CHILD = """
import os, signal, sys
from pathlib import Path
from ingestion.pipelines import load
from ingestion.readers import objects
copy, left = objects.Storage.copy, [3]
def killed(self, path, size):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return copy(self, path, size)
objects.Storage.copy = killed
load(sys.argv[1], Path(sys.argv[2]), print, sources=["crm"])
"""


def test_a_load_killed_while_it_reads_ends_like_an_undisturbed_one(
    s3: S3Server, bucket: str, tmp_path: Path
) -> None:
    put(s3, bucket, FILES)
    killed, undisturbed = Warehouse(tmp_path / "killed"), Warehouse(tmp_path / "undisturbed")
    child = [sys.executable, "-c", CHILD, f"s3://{bucket}", str(killed.folder)]
    done = subprocess.run(child, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for warehouse in (killed, undisturbed):
        load_at(f"s3://{bucket}", warehouse, "crm")
    assert state(killed) == state(undisturbed)
    assert not list((killed.folder / ".dlt").glob("scratch*"))


def test_a_server_that_goes_away_costs_what_was_not_read(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, bucket, {name: FILES[name] for name in ("crm/members.csv", "crm/old/Größe 1+2.csv")})
    put(s3, bucket, {"app/a.csv": FILES["app/events/2026-06-01/a.csv"]})
    warehouse, copy = Warehouse(tmp_path), objects.Storage.copy

    def last_copy(self: objects.Storage, path: str, size: int) -> Path:
        found = copy(self, path, size)
        if s3.process and s3.process.poll() is None:
            s3.stop()
        return found

    try:
        with monkeypatch.context() as patched:
            patched.setattr(objects.Storage, "copy", last_copy)
            reports = load_at(f"s3://{bucket}", warehouse)
    finally:
        s3.start()
    assert reports["crm"].files_loaded == 1
    (refused,) = reports["crm"].refused
    assert refused[1].startswith("cannot be read (Could not connect to the endpoint URL: ")
    # Who is gone is not asked again for every folder.
    ((folder, reason),) = reports["app"].refused
    assert (folder, reason.startswith("can't be listed: Could not")) == (f"s3://{bucket}/app", True)

    rest = load_at(f"s3://{bucket}", warehouse)
    assert [r.files_loaded for r in rest.values()] == [1, 1]
    assert not any(r.refused for r in rest.values())


def test_what_cannot_work_is_told_in_one_line_without_secrets(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(tmp_path)

    def told(url: str) -> str:
        try:
            _, problem = pipelines.top_level(url)
        except IngestError as error:
            problem = str(error)
        assert problem
        assert "\n" not in problem
        assert KEY not in problem
        assert SECRET not in problem
        return problem

    assert (
        told("s3://nobody-made-this/x")
        == "can't be listed: The specified bucket does not exist (NoSuchBucket)"
    )
    assert pipelines.top_level(f"s3://{bucket}/nothing") == ([], None)
    assert "a URL with credentials in it is not read" in told(f"s3://{KEY}:{SECRET}@x/y")
    assert pipelines.top_level(f"oss://{bucket}/nothing") == ([], None)
    with pytest.raises(IngestError, match="expected the URL of a folder"):
        load("http://127.0.0.1/x", warehouse.folder, print)
    with pytest.raises(UsageProblem, match="holds no source; expected a folder with any of crm/"):
        check(open_project(ROOT, tmp_path, {}), f"s3://{bucket}/nothing")
    with pytest.raises(OnecdpError, match=r"/x can't be listed: .*\(NoSuchBucket\)"):
        check(open_project(ROOT, tmp_path, {}), "s3://nobody-made-this/x")
    monkeypatch.setenv("SOURCES__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY", "wrong-secret")
    denied = told(f"s3://{bucket}")
    assert denied == "can't be listed: access denied: Forbidden (SignatureDoesNotMatch)"
    monkeypatch.delenv("SOURCES__FILESYSTEM__CREDENTIALS__ENDPOINT_URL")
    assert "endpoint_url" in told(f"oss://{bucket}/x")
    monkeypatch.setattr(object_settings, "find_spec", lambda _: None)
    assert told("gs://b/x").endswith("gs:// needs more packages: pip install 'onecdp[gs]'")


def test_copies_are_bounded_and_a_change_behind_the_back_is_refused(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MAX_COPIES", 100)
    files = {f"crm/m{n}.csv": f"{MEMBERS}\nM{n},Ann,5,2026-01-0{n}\n" for n in range(1, 6)}
    put(s3, bucket, files)
    fetch, most = objects.Storage.copy, [0]

    def copy(self: objects.Storage, path: str, size: int) -> Path:
        found = fetch(self, path, size)
        most[0] = max(most[0], sum(each.stat().st_size for each in found.parent.iterdir()))
        if most[0] and path.endswith("m5.csv"):
            # Somebody writes it between its listing and its reading.
            put(s3, bucket, {"crm/m1.csv": f"{MEMBERS}\nM1,Other,5,2026-02-01\n"})
        return found

    monkeypatch.setattr(objects.Storage, "copy", copy)
    reports = load_at(f"s3://{bucket}", Warehouse(tmp_path), "crm")
    assert most[0] <= 100
    assert reports["crm"].files_loaded == 4
    ((name, reason),) = reports["crm"].refused
    assert (name, "it was changed while it was read" in reason) == ("m1.csv", True)


def test_the_commands_take_urls(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    put(s3, f"{bucket}/exports", FILES)
    url = f"s3://{bucket}/exports"

    def run(*args: str) -> Result:
        folders = ("--warehouse", str(tmp_path / "warehouse"), "--project-dir", str(ROOT))
        return CliRunner().invoke(main, [*args, *folders])

    checked = run("check", f"{url}/crm/members.csv")
    assert checked.exit_code == 0, checked.output
    assert f"{url}/crm/members.csv as source crm (by its folder crm/)" in checked.stdout
    of_source = run("check", f"{url}/crm/")
    assert of_source.exit_code == 4, of_source.output
    assert "left out: crm/notes.txt" in of_source.stdout
    assert "and 1 more with the same header" in of_source.stdout
    done = run("ingest", "--data", f"{url}/", "--source", "crm")
    assert done.exit_code == 4, done.output
    for args in (("ingest", "--data"), ("check",)):
        refused = run(*args, f"s3://{KEY}:{SECRET}@host/x")
        assert (refused.exit_code, SECRET in refused.output) == (2, False)
        assert "a URL with credentials in it is not read" in refused.stderr
    missing = run("check", f"{url}/crm/none.csv")
    assert missing.exit_code == 1
    assert missing.stderr.startswith(f"onecdp: {url}/crm/none.csv can't be read: ")
