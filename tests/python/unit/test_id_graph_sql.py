"""normalize_id and call_id_graph in a real connection, against a real service."""

import itertools
import logging
import time

import duckdb
import pytest
from support.id_graph import MISDEEDS, honest, serving, status

from onecdp.identity.graph_service import client as id_graph
from onecdp.identity.graph_service.sql_functions import register

TOKEN = "very-secret-token"


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        register(opened)
        yield opened


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(id_graph, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.delenv("ONECDP_ID_GRAPH_URL", raising=False)
    monkeypatch.delenv("ONECDP_ID_GRAPH_TOKEN", raising=False)


@pytest.fixture
def configured(monkeypatch):
    """Makes a service the one that `call_id_graph` asks."""

    def use(service):
        monkeypatch.setenv("ONECDP_ID_GRAPH_URL", service.url)
        monkeypatch.setenv("ONECDP_ID_GRAPH_TOKEN", TOKEN)
        return service

    return use


def one(connection, expression, *parameters):
    (row,) = connection.execute(f"select {expression}", list(parameters)).fetchall()
    return row[0]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("13800138000", "mobile", "ONE_PHONE_138000"),
        ("13800138000", "phone", "ONE_PHONE_138000"),
        ("9F86D081", "mobile_hash", "ONE_PHONE_86d081"),
        ("wang@example.com", "email", "ONE_EMAIL_le.com"),
        ("a1b2c3d4", "email_hash", "ONE_EMAIL_b2c3d4"),
        ("oX12345678", "union_id", "ONE_WX_345678"),
        ("oX12345678", "open_id", "ONE_WX_345678"),
        ("oX12345678", "openid", "ONE_WX_345678"),
        ("DEV0001", "device_id", "ONE_DEV_EV0001"),
        ("DEV1", "device_id", "ONE_DEV_DEV1"),
        (" DEV0001 ", " Device_ID ", "ONE_DEV_EV0001"),
        ("\uff24EV0001\u200b\n", "device_id", "ONE_DEV_EV0001"),
        ('="17850.0"', "retail_customer_id", "ONE_UNKNOWN_17850"),
        ("一二三四五六七", "union_id", "ONE_WX_二三四五六七"),
        ("MBR001234567", "member_id", "ONE_UNKNOWN_MBR001234567"),
        ("17850", "retail_customer_id", "ONE_UNKNOWN_17850"),
        (None, "mobile", None),
        ("13800138000", None, None),
        ("", "mobile", None),
        (None, None, None),
    ],
)
def test_normalize_id(connection, value, kind, expected):
    assert one(connection, "normalize_id($1, $2)", value, kind) == expected
    # Without a service, the other is its twin.
    assert one(connection, "call_id_graph($1, $2)", value, kind) == expected


def test_normalize_id_of_columns_with_nulls_between(connection):
    rows = connection.execute(
        """
        select count(*), count(id), count(*) filter (where id = expected)
        from (
            select
                'ONE_PHONE_' || right(value, 6) as expected,
                normalize_id(value, if(n % 3 = 0, null, 'mobile')) as id
            from (select n, (n + 10000000)::varchar as value from range(10000) as r(n))
        )
        """
    ).fetchall()
    assert rows == [(10000, 6666, 6666)]


def test_one_request_asks_for_the_distinct_identifiers_of_a_chunk(connection, configured):
    with serving(honest) as running:
        service = configured(running)
        rows = connection.execute(
            "select call_id_graph('D' || n % 5, if(n = 7, null, 'Device_ID')) from range(1000) r(n)"
        ).fetchall()
    assert rows[7] == (None,)
    assert [row for n, row in enumerate(rows) if n != 7] == [
        (f"G-D{n % 5}",) for n in range(1000) if n != 7
    ]
    (call,) = service.calls
    assert sorted(call.identifiers) == [("device_id", f"D{n}") for n in range(5)]
    assert call.body["wants"] == "ids"
    assert call.headers["Authorization"] == f"Bearer {TOKEN}"
    # Nothing but what has to be sent.
    assert set(call.body) == {"wants", "identifiers"}
    assert all(set(entry) == {"id_type", "id_value"} for entry in call.body["identifiers"])


def test_a_large_table_is_asked_chunk_by_chunk(connection, configured):
    with serving(honest) as running:
        service = configured(running)
        rows = connection.execute(
            "select count(*) filter (where call_id_graph('D' || n, 'device_id') = 'G-D' || n) "
            "from range(5000) as r(n)"
        ).fetchall()
    assert rows == [(5000,)]
    assert len(service.calls) == 3
    assert len(service.asked) == 5000


def test_planning_a_query_asks_nobody(connection, configured):
    with serving(honest) as running:
        service = configured(running)
        connection.execute("create or replace view ids as select call_id_graph('D1', 'device_id')")
        connection.execute("explain from ids").fetchall()
        assert service.calls == []
        assert connection.execute("from ids").fetchall() == [("G-D1",)]


@pytest.mark.parametrize("name", MISDEEDS)
def test_whatever_the_service_does_there_is_an_id(connection, configured, caplog, name):
    misdeed, _ = MISDEEDS[name]
    with serving(misdeed) as running, caplog.at_level(logging.WARNING):
        configured(running)
        assert one(connection, "call_id_graph('DEV0001', 'device_id')") == "ONE_DEV_EV0001"
    assert "1 identifiers got the id of normalize_id" in caplog.text
    assert TOKEN not in caplog.text
    assert running.url not in caplog.text


@pytest.mark.parametrize(
    "ids",
    [
        [],
        [7, None, "x", []],
        [{"id_type": "device_id", "id_value": "DEV0001"}],
        [{"id_type": "device_id", "id_value": "DEV0001", "id": 7}],
        [{"id_type": "device_id", "id_value": "DEV0001", "id": " "}],
        [{"id_type": ["device_id"], "id_value": {}, "id": "G"}],
        [{"id_type": "device_id", "id_value": "DEV0002", "id": "G"}],
        [
            {"id_type": "device_id", "id_value": "DEV0001", "id": "G1"},
            {"id_type": "device_id", "id_value": "DEV0001", "id": "G2"},
        ],
    ],
)
def test_what_cannot_be_believed_is_not(connection, configured, ids):
    with serving(lambda call: call.json({"ids": ids})) as running:
        configured(running)
        assert one(connection, "call_id_graph('DEV0001', 'device_id')") == "ONE_DEV_EV0001"


@pytest.mark.parametrize("document", [[], None, 7, {}, {"ids": {}}, {"ids": None}])
def test_another_document_is_a_failure(connection, configured, caplog, document):
    with serving(lambda call: call.json(document)) as running, caplog.at_level(logging.WARNING):
        configured(running)
        assert one(connection, "call_id_graph('DEV0001', 'device_id')") == "ONE_DEV_EV0001"
    assert 'the answer has no list "ids"' in caplog.text


def test_after_failures_in_a_row_the_service_is_left_alone_for_a_while(
    connection, configured, monkeypatch
):
    ask = "call_id_graph('DEV0001', 'device_id')"
    monkeypatch.setattr(id_graph, "PAUSE_SECONDS", 0.6)
    answers = itertools.chain([status(500), status(500), honest], itertools.repeat(status(500)))
    with serving(lambda call: next(answers)(call)) as running:
        service = configured(running)
        assert [one(connection, ask) for _ in range(3)] == ["ONE_DEV_EV0001"] * 2 + ["G-DEV0001"]
        assert [one(connection, ask) for _ in range(5)] == ["ONE_DEV_EV0001"] * 5
        assert len(service.calls) == 6
        service.answer = honest
        assert one(connection, ask) == "ONE_DEV_EV0001"
        time.sleep(0.7)
        assert one(connection, ask) == "G-DEV0001"


def test_retry_after_is_honoured(connection, configured):
    with serving(status(429, Retry_After="60")) as running:
        service = configured(running)
        for _ in range(3):
            one(connection, "call_id_graph('DEV0001', 'device_id')")
        assert len(service.calls) == 1


@pytest.mark.parametrize(
    "url", ["http://graph.example/", "https://me:secret@graph.example", "graph.example"]
)
def test_an_address_that_cannot_be_used_is_an_error(connection, monkeypatch, url):
    monkeypatch.setenv("ONECDP_ID_GRAPH_URL", url)
    with pytest.raises(duckdb.InvalidInputException, match="ValueError: ONECDP_ID_GRAPH_URL "):
        one(connection, "call_id_graph('DEV0001', 'device_id')")
