"""How the service is asked: again, slowly, and not for ever."""

import itertools
import time

import pytest
from support.id_graph import MISDEEDS, honest, in_order, link, serving, status

from ingestion.sources.id_graph.service import Service, ServiceSettings
from onecdp.identity.graph_service.exchange import ExchangeFailed

M1 = ("member_id", "M1")


def client(running, **values):
    settings = ServiceSettings()
    quick = {"timeout": 0.5, "backoff": 0.02, "requests_per_second": 500.0, "max_attempts": 2}
    for name, value in {"url": running.url, **quick, **values}.items():
        settings[name] = value
    return Service(settings)


@pytest.mark.parametrize("name", [name for name, (_, is_passing) in MISDEEDS.items() if is_passing])
def test_what_may_pass_is_tried_again(name):
    with serving(in_order([MISDEEDS[name][0], honest])) as running:
        assert client(running).ask([M1]) == [link(M1)]
        assert [call.identifiers for call in running.calls] == [[M1], [M1]]


@pytest.mark.parametrize(
    "name", [name for name, (_, is_passing) in MISDEEDS.items() if not is_passing]
)
def test_what_will_not_pass_is_not(name):
    with serving(MISDEEDS[name][0]) as running:
        with pytest.raises(ExchangeFailed):
            client(running).ask([M1])
        assert len(running.calls) == 1


@pytest.mark.parametrize("document", [[], None, "x", {}, {"links": {}}, {"links": None}])
def test_another_document_is_a_failure(document):
    with serving(lambda call: call.json(document)) as running:
        with pytest.raises(ExchangeFailed, match='no list "links"'):
            client(running).ask([M1])
        assert len(running.calls) == 1


def test_attempts_have_growing_distances():
    with (
        serving(status(500)) as running,
        pytest.raises(ExchangeFailed, match="HTTP status 500"),
    ):
        client(running, max_attempts=4, backoff=0.1).ask([M1])
    times = [call.at for call in running.calls]
    first, second, third = (after - before for before, after in itertools.pairwise(times))
    assert 0.1 <= first < 0.4
    assert 0.2 <= second < 0.5
    assert 0.4 <= third < 0.7


def test_the_waits_differ_by_chance():
    with serving(honest) as running:
        service = client(running, backoff=1.0)

        class State:
            outcome = None
            attempt_number = 1

        waits = {service._wait(State()) for _ in range(20)}
    assert len(waits) == 20
    assert all(1 <= wait <= 2 for wait in waits)


def test_retry_after_is_honoured():
    with serving(in_order([status(429, Retry_After="1"), honest])) as running:
        client(running).ask([M1])
    first, second = running.calls
    assert 1 <= second.at - first.at < 3


def test_who_wants_a_long_rest_gets_it():
    with serving(status(503, Retry_After="3600")) as running:
        service = client(running)
        with pytest.raises(ExchangeFailed):
            service.ask([M1])
        assert len(running.calls) == 1
    assert service.stopped == "the service wants 3,600 s of rest"


def test_after_failures_in_a_row_no_more_is_asked():
    answers = [status(500), status(500), honest, status(500)]
    with serving(in_order(answers)) as running:
        service = client(running, max_attempts=1, max_failures=3)
        for _ in range(2):
            with pytest.raises(ExchangeFailed):
                service.ask([M1])
        service.ask([M1])
        for _ in range(3):
            assert service.stopped is None
            with pytest.raises(ExchangeFailed):
                service.ask([M1])
    assert service.stopped == "3 batches in a row failed"


def test_asking_has_an_end():
    with serving(status(500)) as running:
        start = time.monotonic()
        service = client(running, max_seconds=0.3, max_attempts=1000, max_failures=1000)
        assert service.stopped is None
        with pytest.raises(ExchangeFailed):
            service.ask([M1])
        assert 0.3 <= time.monotonic() - start < 2
    assert service.stopped == "the 0.3 s for asking are over"


def test_requests_keep_their_distance():
    with serving(honest) as running:
        service = client(running, requests_per_second=10.0)
        for _ in range(4):
            service.ask([M1])
    times = [call.at for call in running.calls]
    assert all(after - before > 0.08 for before, after in itertools.pairwise(times))
