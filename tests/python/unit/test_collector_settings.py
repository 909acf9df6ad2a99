"""The collector's settings, keys, and webhooks of one's own."""

from __future__ import annotations

import hashlib
import hmac
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from onecdp.cli.main import main
from onecdp.collector.keys import Rate, WriteKeys, key_of_basic
from onecdp.collector.refusals import Refusal
from onecdp.collector.settings import read_settings
from onecdp.errors import UsageProblem


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: onecdp\n")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for imported in ("server", "process"):
        monkeypatch.delitem(sys.modules, f"onecdp.collector.{imported}", raising=False)

    done = CliRunner().invoke(
        main, ["collect", "--data", str(tmp_path / "data"), "--project-dir", str(tmp_path)]
    )

    assert done.exit_code == 1
    assert done.stderr == (
        "onecdp: `onecdp collect` needs more packages: pip install 'onecdp[server]'\n"
    )


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


@pytest.mark.parametrize("name", ["user_id_type", "previous_id_type"])
def test_types_of_identifiers_are_those_of_the_seed(tmp_path: Path, name: str) -> None:
    """Every link of another type would be set aside."""
    keys = '[collector.write_keys]\nweb = "12345678"\n'
    folder = project(tmp_path, secrets=f'[collector]\n{name} = "memberid"\n{keys}')
    (folder / "seeds").mkdir()
    (folder / "seeds" / "id_types.csv").write_text("id_type,priority\nunion_id,1\ndevice_id,2\n")
    with pytest.raises(
        UsageProblem, match=f"{name} is 'memberid', .* there are union_id, device_id"
    ):
        read_settings(folder, {})


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
    hashed = hashlib.sha256(b"a@b.example").hexdigest()
    assert webhook.shape.rows(body) == [
        {"event_id": "1-open", "event_type": "open", "email": hashed,
         "event_time": "2026-06-01T08:26:00.000Z"},
    ]  # fmt: skip


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
    clock = 0.4
    # Rounded up: who waits so long is not refused again.
    assert rate.wait == 3
    clock = 3.5
    assert rate.wait == 0
    slowest = Rate(5e-324)
    slowest.spend(1)
    assert slowest.wait > 3600
    assert key_of_basic("Basic MTIzNDU2Nzg6") == "12345678"
    assert key_of_basic("Basic é") is key_of_basic("Bearer x") is key_of_basic(None) is None
