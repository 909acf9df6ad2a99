"""A ticket of a help desk is in the answer at once, and the same after the next build."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import json

from support.api import Api, serving, settings
from support.cli import BuiltProject, run_cli
from support.collector import SETTINGS, Collector, collecting
from support.live_process import following, wait_until

from onecdp.serving.batch_state import from_json
from onecdp.serving.store_file import read_stored

# Of the sample: CUST001 has a solved ticket, and the phone an open one.
CUSTOMER, PHONE = ("customer_id", "CUST001"), ("mobile_hash", "hash_mobile_005")


def tell(collector: Collector, ticket: dict[str, object]) -> None:
    """As Zendesk calls."""
    body, at = json.dumps({"ticket": ticket}).encode(), "2026-06-01T08:26:01Z"
    signed = hmac.new(b"zendesk-secret", at.encode() + body, "sha256").digest()
    headers = {
        "X-Zendesk-Webhook-Signature": base64.b64encode(signed).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": at,
    }
    assert collector.post("webhooks/zendesk", body, headers=headers).ok


def profile(api: Api, identifier: tuple[str, str]) -> dict[str, dict[str, object]]:
    answer = api.ask(f"/v1/profiles/{'/'.join(identifier)}")
    assert answer.ok, answer.text
    document: dict[str, dict[str, object]] = answer.json()
    return document


def test_tickets_are_open_until_they_are_solved(project: BuiltProject) -> None:
    folder, data = project.folder, project.folder / "ingestion" / "sample"
    secrets = folder / ".dlt/secrets.toml"
    secrets.parent.mkdir(exist_ok=True)
    keys = settings(folder / "none").split("[serving.tenants")[0]
    secrets.write_text(SETTINGS + keys)
    assert run_cli("publish", cwd=folder).code == 0
    today = dt.datetime.now(dt.UTC)

    def ticket(number: str, status: str, ago: int, who: str | None = None) -> dict[str, object]:
        at = (today - dt.timedelta(seconds=ago)).isoformat()
        return {"id": number, "status": status, "updated_at": at,
                "requester": {"external_id": who}}  # fmt: skip

    with (
        collecting(folder, data) as collector,
        following(folder, data, project.warehouse),
        serving(folder) as api,
    ):

        def has_open(identifier: tuple[str, str]) -> object:
            return profile(api, identifier)["live"]["has_open_support_ticket"]

        assert (has_open(CUSTOMER), has_open(PHONE)) == (False, True)
        tell(collector, ticket("TCK900", "open", 60, "CUST001"))
        wait_until(lambda: has_open(CUSTOMER) is True)
        tell(collector, ticket("TCK900", "solved", 50, "CUST001"))
        wait_until(lambda: has_open(CUSTOMER) is False)
        # A version of before that comes late opens nothing.
        tell(collector, ticket("TCK900", "open", 55, "CUST001"))
        # The batch's open ticket goes to another requester.
        tell(collector, ticket("TCK002", "open", 40, "CUST001"))
        wait_until(lambda: has_open(PHONE) is False)
        assert has_open(CUSTOMER) is True

        collector.stop()
        done = run_cli("run", cwd=folder)
        assert done.code == 0, done.stderr + done.stdout
        # The batch has taken it in, and says the same.
        wait_until(lambda: profile(api, CUSTOMER)["profile"]["has_open_ticket"] is True, seconds=40)
        stored = read_stored(project.warehouse / "online.sqlite")
        state = from_json((stored and stored.batch) or "")
        assert any(name.startswith("support/tickets/webhooks/") for name in state.taken_in)
        for identifier in (CUSTOMER, PHONE):
            assert has_open(identifier) is profile(api, identifier)["profile"]["has_open_ticket"]
