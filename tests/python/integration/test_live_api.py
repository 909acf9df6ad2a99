"""Batch and live in one answer: a website's event is there at once, and counts once for ever."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from support.api import Api, refused, serving, settings
from support.cli import BuiltProject, run_cli
from support.collector import SETTINGS, collecting
from support.live_process import following, wait_until
from support.webhooks import SECRET, Service

DEVICE = "DEV002"


def profile(api: Api, id_type: str, id_value: str) -> dict[str, object]:
    answer = api.ask(f"/v1/profiles/{id_type}/{id_value}")
    assert answer.ok, answer.text
    assert answer.headers["cache-control"] == "no-store"
    document: dict[str, object] = answer.json()
    return document


def test_events_are_in_the_profile_at_once_and_count_once(
    project: BuiltProject, tmp_path: Path
) -> None:
    # The warehouse has the sample; where other data is, another one would be.
    folder, data = project.folder, project.folder / "ingestion" / "sample"
    secrets = folder / ".dlt/secrets.toml"
    secrets.parent.mkdir(exist_ok=True)
    told: list[dict[str, object]] = []
    service = Service(lambda _, body: told.append(json.loads(body)))
    secrets.write_text(
        SETTINGS
        + settings(tmp_path / "none").split("[serving.tenants")[0]
        + f"[destinations.shop]\ntype = 'webhook'\nurl = '{service.url}'\nsecret = '{SECRET}'\n"
    )
    (folder / "seeds/triggers.csv").write_text(
        "trigger,rule,purpose,hold_out_share,cool_down,destination\n"
        "seen,live.page_views_5m AND channel_app AND orders >= 1 AND NOT live.purchased_24h"
        ",,,,shop\n"
    )
    assert run_cli("publish", cwd=folder).code == 0
    today = dt.datetime.now(dt.UTC)

    def event(number: int, **said: object) -> dict[str, object]:
        time = (today - dt.timedelta(seconds=60 - number)).isoformat()
        return {"messageId": f"m{number}", "timestamp": time, "anonymousId": DEVICE, **said}

    def bought(number: int, price: float) -> dict[str, object]:
        return event(number, event="Order Completed", properties={"revenue": price})

    with (
        collecting(folder, data) as collector,
        following(folder, data, project.warehouse),
        serving(folder) as api,
    ):
        before = profile(api, "device_id", DEVICE)
        totals = before["profile"]
        assert isinstance(totals, dict)
        assert before["live"]["events_24h"] == 0  # type: ignore[index]
        assert collector.post("page", event(1, name="/cart")).ok
        wait_until(lambda: [(each["action"], each["one_id"]) for each in told] == [
            ("entered", before["one_id"])
        ])  # fmt: skip
        assert collector.post("track", bought(2, 19.99)).ok
        assert collector.post("track", bought(2, 19.99)).ok

        def orders() -> object:
            return profile(api, "device_id", DEVICE)["live"]["orders_since_batch"]  # type: ignore[index]

        wait_until(lambda: orders() == 1)
        wait_until(lambda: [each["action"] for each in told] == ["entered", "left"])
        figures = api.ask("/metrics").text
        assert 'onecdp_trigger_events_total{trigger="seen",what="left"} 1' in figures
        now = profile(api, "device_id", DEVICE)
        assert now["profile"] == {
            **totals,
            "total_orders": totals["total_orders"] + 1,
            "gross_revenue": round(totals["gross_revenue"] + 19.99, 4),
            "total_revenue": (revenue := round(totals["total_revenue"] + 19.99, 4)),
            "avg_order_value": round(revenue / (totals["total_orders"] + 1), 4),
        }
        live = now["live"]
        assert isinstance(live, dict)
        assert (live["page_views_5m"], live["purchased_24h"], live["revenue_since_batch"]) == (
            1, True, 19.99,
        )  # fmt: skip
        assert live["last_event_type"] == "purchase"

        # An identifier that no build has seen comes with a known one.
        assert api.ask("/v1/profiles/open_id/new-open-id").status_code == 404
        known = event(3, name="/", context={"open_id": "new-open-id"})
        assert collector.post("page", known).ok
        wait_until(lambda: api.ask("/v1/profiles/open_id/new-open-id").ok)
        provisional = profile(api, "open_id", "new-open-id")
        assert provisional["one_id"] == now["one_id"]
        assert provisional["is_provisional"] is True
        assert api.ask("/v1/identities/open_id/new-open-id").json()["is_provisional"] is True
        # A key that may see few fields sees neither live features nor the audiences.
        narrow = api.ask(f"/v1/profiles/device_id/{DEVICE}", key="narrow").json()
        assert set(narrow) == {"one_id", "profile"}
        assert refused(api.ask(f"/v1/profiles/device_id/{DEVICE}?fields=live", key="narrow")) == (
            403, "field_not_allowed",
        )  # fmt: skip

        collector.stop()
        done = run_cli("run", cwd=folder)
        assert done.code == 0, done.stderr + done.stdout
        wait_until(lambda: orders() == 0)
        after = profile(api, "open_id", "new-open-id")
        assert "is_provisional" not in after
        assert after["profile"]["total_orders"] == totals["total_orders"] + 1  # type: ignore[index]
        assert after["live"]["revenue_since_batch"] == 0  # type: ignore[index]
        # What is in both still counts in its windows.
        assert after["live"]["events_24h"] == 3  # type: ignore[index]
    service.close()
