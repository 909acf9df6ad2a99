"""The parts of the collector: segments, settings, hashes, the plan, webhooks of one's own."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import hmac
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from onecdp.cli.main import main
from onecdp.collector.journal import Journal, NotDurable
from onecdp.collector.keys import Rate, WriteKeys, key_of_basic
from onecdp.collector.messages import Mapper
from onecdp.collector.personal import hash_address, hash_phone, without_addresses
from onecdp.collector.refusals import BadEvent, Refusal
from onecdp.collector.segments import Segment, SegmentWriter, close_abandoned
from onecdp.collector.settings import Settings, read_settings
from onecdp.collector.times import as_iso_time, is_iso_time
from onecdp.collector.tracking_plan import TrackingPlan, read_plan
from onecdp.collector.webhooks.shapes import MAILCHIMP, BadCall
from onecdp.errors import UsageProblem


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def closed(folder: Path) -> list[bytes]:
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    return [path.read_bytes() for path in sorted(folder.iterdir())]


# Segments


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (b'{"a":1}\n{"a":2}\n', [b'{"a":1}\n{"a":2}\n']),
        (b'{"a":1}\n{"a":', [b'{"a":1}\n']),
        (b'{"a":1}\n' + b"x" * 200_000, [b'{"a":1}\n']),
        (b'{"a":', []),
        (b"", []),
    ],
)
def test_a_segment_that_was_left_is_closed_without_a_torn_line(
    tmp_path: Path, left: bytes, kept: list[bytes]
) -> None:
    (tmp_path / ".1.jsonl.open").write_bytes(left)

    close_abandoned(tmp_path)

    assert closed(tmp_path) == kept


def test_a_segment_that_is_written_is_not_taken_for_abandoned(tmp_path: Path) -> None:
    segment = Segment(tmp_path)
    segment.append(b"1\n")
    close_abandoned(tmp_path)
    segment.append(b"2\n")
    segment.close()

    assert closed(tmp_path) == [b"1\n2\n"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_failed_sync_closes_the_segment_and_takes_back_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    async def send() -> None:
        journal = Journal(tmp_path, 1 << 20, 60)
        await journal.append({"app": b"1\n"})
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", fail)
            with pytest.raises(NotDurable, match=told):
                await asyncio.wait_for(journal.append({"app": b"2\n"}), 10)
        assert not journal.is_healthy
        await journal.append({"app": b"3\n"})
        assert journal.is_healthy
        await journal.stop()

    def fail(_: int) -> None:
        raise error

    asyncio.run(send())

    assert sorted(closed(tmp_path / "app")) == [b"1\n", b"3\n"]


def test_a_segment_ends_by_size(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, 4, 60)
    for line in (b"1\n", b"2\n", b"3\n"):
        writer.append(line)
    writer.close()

    assert sorted(closed(tmp_path)) == [b"1\n2\n", b"3\n"]


def test_another_process_that_closes_a_new_segment_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "taken")

    writer = SegmentWriter(tmp_path, 1 << 20, 60)
    with monkeypatch.context() as broken:
        broken.setattr(fcntl, "flock", taken)
        with pytest.raises(BlockingIOError):
            writer.append(b"1\n")
    close_abandoned(tmp_path)
    writer.append(b"1\n")
    writer.close()

    assert closed(tmp_path) == [b"1\n"]


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: onecdp\n")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "onecdp.collector.server", raising=False)

    done = CliRunner().invoke(
        main, ["collect", "--data", str(tmp_path / "data"), "--project-dir", str(tmp_path)]
    )

    assert done.exit_code == 1
    assert done.stderr == (
        "onecdp: `onecdp collect` needs more packages: pip install 'onecdp[server]'\n"
    )


# Settings


def project(folder: Path, config: str = "", secrets: str = "") -> Path:
    (folder / ".dlt").mkdir()
    (folder / ".dlt/config.toml").write_text(config)
    (folder / ".dlt/secrets.toml").write_text(secrets)
    return folder


def test_the_environment_goes_before_secrets_and_these_before_config(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        '[collector]\nsegment_seconds = 1\nuser_id_type = "member_id"\n'
        '[collector.columns]\ncoupon = "properties.coupon"\n'
        '[collector.write_keys]\nweb = "of-config"\n',
        '[collector.write_keys]\nweb = "of-secrets"\napp = "of-the-app"\n',
    )

    settings = read_settings(folder, {"COLLECTOR__WRITE_KEYS__WEB": "of-environment", "PATH": "x"})

    assert settings.write_keys == {"of-environment": "web", "of-the-app": "app"}
    assert (settings.segment_seconds, settings.user_id_type) == (1, "member_id")
    assert settings.columns["coupon"] == (("properties", "coupon"),)
    assert "of-environment" not in repr(settings)


@pytest.mark.parametrize(
    ("secrets", "problem"),
    [
        ("", "no write key and no webhook"),
        ("[collector", "secrets.toml"),
        ("collector = 1", r"must be a section, \[collector\]"),
        ('[collector.write_keys]\nweb = "short"', "collector.write_keys.web must be"),
        ('[collector.write_keys]\na = "12345678"\nb = "12345678"', "a and b are the same key"),
        ('[collector]\nuser_id_type = "a b"', "collector.user_id_type is 'a b'"),
        ("[collector]\nsegment_seconds = 0", "it must be a number above 0"),
        ("[collector]\nevent_types = 1", "must be a section"),
        ("[collector]\norigins = [1]", "must be a text or a list of texts"),
        ('[collector.columns]\n"A b" = "x"', "'A b' is no name of a column"),
        ("[collector.webhooks.zendesk]", "collector.webhooks.zendesk.secret must be"),
        ('[collector.webhooks.mailchimp]\nsecret = "12345678"', "mailchimp.url must be"),
        ('[collector.webhooks.x]\nsecret = "12345678"', "x: source must be support or email"),
        ('[collector.webhooks.x]\nsecret = "12345678"\nsource = "email"', "signature must be like"),
        ('[collector.webhooks.x]\nsecret = "12345678"\nsource = "email"\n'
         'signature = {header = "X"}', "columns.event_id must say"),
        ('[collector.webhooks.zendesk]\nsecret = "12345678"\ncolumns = {color = "x"}',
         "support has no column 'color'"),
        ('[collector.webhooks.zendesk]\nsecret = "12345678"\nsignature = {encoding = "rot13"}',
         "hex or base64"),
        ('[collector.webhooks.zendesk]\nsecret = "12345678"\ncolumns = {ticket_id = 3}',
         "zendesk: columns.ticket_id must be a text or"),
        ('[collector.webhooks.zendesk]\nsecret = "12345678"\ncolumns = {ticket_id = [3]}',
         "zendesk: columns.ticket_id must be a text or"),
        ('[collector.webhooks.zendesk]\nsecret = "12345678"\nvalues = {status = "x"}',
         "zendesk: status must be a section"),
        ('[collector.webhooks.zendesk]\nsecret = "12345678"\nvalues = {status = {a = 1}}',
         "zendesk: values.status must have a text"),
        ('[collector.webhooks.zendesk]\nsecret = "12345678"\nsignature = 3',
         "zendesk: signature must be a section"),
        ('[collector.webhooks.zendesk]\nsecret = "12345678"\nsignature = {header = 3}',
         "zendesk: signature.header must be a text"),
        ('[collector.webhooks.zendesk]\nsecret = "12345678"\nsignature = {prefix = 3}',
         "zendesk: signature.prefix must be a text"),
        ('[collector.columns]\nevent_time = "sentAt"', "event_time has its value from the event"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_work_is_named_and_no_secret(
    tmp_path: Path, secrets: str, problem: str
) -> None:
    with pytest.raises(UsageProblem, match=problem) as told:
        read_settings(project(tmp_path, secrets=secrets), {})
    assert "12345678" not in str(told.value)


def test_a_service_of_ones_own_signs_and_is_mapped_by_settings(tmp_path: Path) -> None:
    settings = read_settings(
        project(
            tmp_path,
            secrets="""
            [collector.webhooks.mailer]
            secret = "12345678"
            source = "email"
            signature = {header = "X-Signature", prefix = "sha512=", algorithm = "sha512"}
            items = "data.events"
            [collector.webhooks.mailer.columns]
            event_id = "id+kind"
            event_type = "kind"
            email = "to"
            event_time = "at"
            """,
        ),
        {},
    )
    webhook = settings.webhooks["mailer"]
    body = b'{"data":{"events":[{"id":1,"kind":"open","to":"A@b.example","at":"1780302360"}]}}'
    signed = "sha512=" + hmac.new(b"12345678", body, "sha512").hexdigest()
    signature = webhook.shape.signature

    assert signature.is_of(webhook.secret, "", {"x-signature": signed}, body)
    assert not signature.is_of(webhook.secret, "", {"x-signature": signed[7:]}, body)
    assert not signature.is_of(webhook.secret, "", {}, body)
    assert webhook.shape.rows(body) == [
        {"event_id": "1-open", "event_type": "open", "email": sha256("a@b.example"),
         "campaign_id": None, "event_time": "2026-06-01T08:26:00.000Z"},
    ]  # fmt: skip


# What is written


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        (" A.B+c@Example.COM ", "a.b+c@example.com"),
        ("\uff41@b.example", "a@b.example"),
        ("O'Brien@b.example", "o'brien@b.example"),
        ("a@b.xn--p1ai", "a@b.xn--p1ai"),
        ("a@b", None),
        ("no address", None),
    ],
)
def test_addresses_are_normalised_before_they_are_hashed(text: str, hashed: str | None) -> None:
    assert hash_address(text) == (hashed and sha256(hashed))


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("+49 (30) 901-820", "+4930901820"),
        ("0049 30 901820", "+4930901820"),
        ("\uff0b86 138 0000 0000", "+8613800000000"),
        ("030 901820", None),
        ("call me", None),
    ],
)
def test_phone_numbers_need_their_country(text: str, hashed: str | None) -> None:
    assert hash_phone(text) == (hashed and sha256(hashed))


def test_addresses_inside_a_text_are_replaced() -> None:
    hashed = sha256("a@b.example")

    assert without_addresses("to A@b.example, a%40b.example") == f"to {hashed}, {hashed}"
    assert without_addresses("'a@b.example'") == f"'{hashed}'"
    assert without_addresses("c'a@b.example") == sha256("c'a@b.example")
    assert without_addresses("12:30 @ the shop") == "12:30 @ the shop"


def test_columns_event_types_and_user_ids_follow_the_settings() -> None:
    settings = Settings(
        user_id_type="member_id",
        columns={"coupon": (("properties", "code"), ("context", "x", "0"))},
        event_types={"Bought": "purchase"},
    )
    event = {"type": "track", "event": "Bought", "userId": 17, "properties": {"code": True}}

    ((folder, row),) = Mapper(settings, TrackingPlan()).rows(event, None, "web", "now")

    assert folder == "app/collector"
    assert (row["member_id"], row["coupon"], row["event_type"]) == ("17", "true", "purchase")
    mapper = Mapper(settings, TrackingPlan())
    for user, column, value in (
        ("a@b.example", "email_hash", sha256("a@b.example")),
        ("+4930901820", "mobile_hash", sha256("+4930901820")),
    ):
        ((_, row),) = mapper.rows({**event, "userId": user}, None, "web", "now")
        assert (row[column], row["member_id"]) == (value, None)
    with pytest.raises(BadEvent, match="userId is neither"):
        mapper.rows({**event, "userId": {"a": 1}}, None, "web", "now")


def test_identifiers_that_stand_elsewhere_are_found() -> None:
    mapper = Mapper(Settings(columns={"device_id": (("context", "device", "id"),)}), TrackingPlan())

    def rows(**message: object) -> list[dict[str, str | None]]:
        return [row for _, row in mapper.rows({"userId": "u", **message}, None, "web", "now")]

    event = {"type": "track", "event": "Bought", "context": {"device": {"id": "D"}}}
    (row,) = rows(**event, messageId=17)
    assert (row["event_id"], row["device_id"]) == ("17", "D")
    assert rows(**event, anonymousId="A")[0]["device_id"] == "A"
    (row,) = rows(type="identify", traits={}, context={"traits": {"email": "a@b.example"}})
    assert row["right_id_value"] == sha256("a@b.example")
    (row,) = rows(type="alias", previousId="visitor a@b.example")
    assert row["right_id_type"] == "device_id"


def test_an_item_without_its_id_does_not_refuse_the_others() -> None:
    click = {"event": "click", "_id": "x", "ts": 1780302360}
    sync = {"type": "blacklist", "action": "add", "ts": 1780302360}

    def rows(*items: object) -> list[dict[str, str | None]]:
        return MAILCHIMP.rows(urlencode({"mandrill_events": json.dumps(items)}).encode())

    assert [row["event_id"] for row in rows(click, sync)] == ["x-click-1780302360", None]
    with pytest.raises(BadCall, match="it has no event_id"):
        rows(sync)


def test_the_plan_names_what_an_event_breaks(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text(
        "event,property,type,required\nA,n,integer,true\nA,t,text,\nB,,,\n"
    )
    plan = read_plan(tmp_path / "plan.csv")

    assert plan.violation("A", {"n": 3.0, "t": "x"}) is None
    assert plan.violation("A", {"t": 1}) == "n is missing; t is no text"
    assert plan.violation("A", {"n": True}) == "n is no integer"
    assert plan.violation("B", {}) is None
    assert plan.violation("C", {}) == "event is not in the tracking plan"
    assert read_plan(tmp_path / "none.csv").violation("C", {}) is None


@pytest.mark.parametrize(
    "text", ["2026-06-01", "2026-06-01T08:26:00Z", "2026-06-01 08:26:00+02:00"]
)
def test_times_in_iso_8601(text: str) -> None:
    assert is_iso_time(text)
    assert as_iso_time(text) == text


@pytest.mark.parametrize("value", ["01/06/2026", "2026-W23-1", "soon", "", True, None, 10**30, []])
def test_no_times(value: object) -> None:
    assert as_iso_time(value) is None


# Keys


def test_keys_are_known_and_a_rate_is_a_debt_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr("onecdp.collector.keys.time.monotonic", lambda: clock)
    keys = WriteKeys({"12345678": "web"}, 10)
    assert keys.name_of("12345678") == "web"
    for wrong in (None, "", "1234567", "é2345678"):
        with pytest.raises(Refusal):
            keys.name_of(wrong)
    rate = Rate(10)
    rate.spend(130)
    assert rate.wait == 3
    clock = 3.5
    assert rate.wait == 0
    assert key_of_basic("Basic MTIzNDU2Nzg6") == "12345678"
    assert key_of_basic("Basic é") is key_of_basic("Bearer x") is key_of_basic(None) is None
