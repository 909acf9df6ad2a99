"""What documents of the online store have of columns that a project adds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.serving import Person, World, publish_world

from onecdp.serving.online_store import OnlineStore


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("['nan'::double, 1.5::double, null]", [None, 1.5, None]),
        ("[[1.5::double, 'inf'::double], null]", [[1.5, None], None]),
        ("[0.5::float, 'nan'::float]::float[2]", [0.5, None]),
        ("[timestamp '2026-01-01 10:00:00.25', null]", ["2026-01-01T10:00:00.250Z", None]),
        ("[timestamptz '2026-01-01 10:00:00+02']", ["2026-01-01T08:00:00.000Z"]),
        ("['a'::blob]", ["YQ=="]),
        ("{'share': 0.5::double, 'name': 'NaN'}", {"share": 0.5, "name": "NaN"}),
        ("{'share': 'nan'::double}", None),
        ("[map {'a': '-inf'::double}, map {'a': 1::double}]", [None, {"a": 1.0}]),
        ("{'at': [1, 2], 'x[]': 'y'}", {"at": [1, 2], "x[]": "y"}),
        ("null::double[]", None),
    ],
)
def test_nested_values_are_valid_json(tmp_path: Path, value: str, expected: Any) -> None:
    column = f"create or replace table marts.customer_profiles as select *, {value} as more"
    warehouse = publish_world(
        tmp_path, World((Person(1, ids=("member_id:M1",)),)),
        f"{column} from marts.customer_profiles",
    )  # fmt: skip
    found = OnlineStore(warehouse.online_file).profile("member_id", "M1")
    assert found is not None
    assert json.loads(found.document, parse_constant=pytest.fail)["more"] == expected
