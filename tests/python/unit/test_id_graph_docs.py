"""What docs/id-graph.md says goes over the wire is what goes over the wire."""

import dataclasses
import json
import re
from pathlib import Path

import duckdb
from support.id_graph import serving

from ingestion.sources.id_graph.service import Service, ServiceSettings
from ingestion.sources.id_graph.tables import LINKS
from onecdp.identity.graph_service.sql_functions import register

TEXT = (Path(__file__).parents[3] / "docs" / "id-graph.md").read_text()
EXAMPLES = [
    json.loads(block)
    for block in re.findall(r"^```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
]


def test_the_documented_links():
    request, answer = EXAMPLES[:2]
    settings = ServiceSettings()
    with serving(lambda call: call.json(answer)) as service:
        settings.url = service.url
        asked = [(i["id_type"], i["id_value"]) for i in request["identifiers"]]
        assert Service(settings).ask(asked) == answer["links"]
    assert service.calls[0].body == request
    assert list(answer["links"][0]) == [column.name for column in LINKS.columns]


def test_the_documented_ids(monkeypatch):
    request, answer = EXAMPLES[2:]
    with serving(lambda call: call.json(answer)) as service, duckdb.connect() as connection:
        register(connection)
        monkeypatch.setenv("ONECDP_ID_GRAPH_URL", service.url)
        rows = connection.execute("select call_id_graph('D1', 'device_id')").fetchall()
    assert rows == [("G-1001",)]
    assert service.calls[0].body == request


def test_the_documented_defaults():
    documented = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", TEXT, re.MULTILINE))
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(ServiceSettings)
        if isinstance(field.default, int | float) and field.name in ServiceSettings.__annotations__
    }
    assert {name: float(value) for name, value in documented.items()} == defaults
