import json
import ssl
import subprocess
import time

import pytest
from support.id_graph import MISDEEDS, honest, serving, status

from onecdp.identity.graph_service.exchange import ExchangeFailed, check_url, post_json

BODY = {"wants": "links", "identifiers": [{"id_type": "member_id", "id_value": "M1"}]}
TOKEN = "very-secret-token"


def ask(url, token=TOKEN, timeout=0.8):
    return post_json(url, token, BODY, timeout=timeout, max_bytes=1 << 20)


def test_an_honest_exchange():
    with serving(honest) as service:
        answer = ask(service.url)
    assert answer["links"][0]["left_id_value"] == "M1"
    (call,) = service.calls
    assert call.body == BODY
    assert call.headers["Authorization"] == f"Bearer {TOKEN}"
    assert call.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("name", MISDEEDS)
def test_every_misdeed_is_a_failure_that_says_what_it_was(name):
    misdeed, is_passing = MISDEEDS[name]
    with serving(misdeed) as service:
        start = time.monotonic()
        with pytest.raises(ExchangeFailed, match=name.split(",")[0]) as caught:
            ask(service.url)
        seconds = time.monotonic() - start
    assert caught.value.is_passing == is_passing
    assert seconds < 1.5
    assert TOKEN not in str(caught.value)
    assert service.url not in str(caught.value)
    assert caught.value.__cause__ is None


def test_nobody_listens():
    with serving(honest) as service:
        url = service.url
    with pytest.raises(ExchangeFailed, match="no connection"):
        ask(url)


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(code):
    with serving(honest) as elsewhere, serving(status(code, Location=elsewhere.url)) as service:
        with pytest.raises(ExchangeFailed, match="redirected elsewhere"):
            ask(service.url)
        assert elsewhere.calls == []


def test_the_users_netrc_is_not_asked(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(honest) as service:
        ask(service.url)
        ask(service.url, token=None)
    first, second = service.calls
    assert first.headers["Authorization"] == f"Bearer {TOKEN}"
    assert "Authorization" not in second.headers


def test_what_stays_on_this_machine_passes_no_proxy(monkeypatch):
    with serving(honest) as proxy, serving(honest) as service:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        ask(service.url)
        assert (len(service.calls), len(proxy.calls)) == (1, 0)


def test_a_certificate_nobody_vouches_for_gets_nothing(tmp_path, monkeypatch):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    make += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out"]
    try:
        subprocess.run([*make, str(certificate)], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not at hand, which makes the certificate")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with serving(honest, tls) as service:
        with pytest.raises(ExchangeFailed, match="TLS certificate") as caught:
            ask(service.url)
        assert not caught.value.is_passing
        assert service.calls == []
        # A company's own authority is trusted where its user says so, as everywhere.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert json.dumps(ask(service.url))
        assert len(service.calls) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), (" 7 ", 7), ("Fri, 01 Jan 2010 00:00:00 GMT", 0), ("soon", 0), ("-5", 0), ("", 0)],
)
def test_retry_after(header, seconds):
    with (
        serving(status(429, Retry_After=header)) as service,
        pytest.raises(ExchangeFailed) as caught,
    ):
        ask(service.url)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://graph.example/v1", None),
        ("https://graph.example:8443/v1?tenant=7", None),
        ("http://127.0.0.1:8000", None),
        ("http://[::1]:8000", None),
        ("http://localhost/graph", None),
        ("http://graph.example/v1", "not encrypted"),
        ("http://127.0.0.1.example/", "not encrypted"),
        ("https://me:secret@graph.example/", "user name or a password"),
        ("graph.example", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https://", "https://"),
        ("https://graph.example:port/", "not a web address"),
        ("http://[::1", "not a web address"),
    ],
)
def test_addresses(url, problem):
    found = check_url(url)
    assert (found is None) == (problem is None)
    assert (problem or "") in (found or "")
    assert "secret" not in (found or "")
