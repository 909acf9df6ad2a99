"""Posts JSON to a service that may be slow, broken or malicious.

Ingestion and `call_id_graph` use it; each handles failures in its own way.
"""

from __future__ import annotations

import ipaddress
import queue
import threading
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import orjson
import requests

_READ_BYTES = 1 << 16
# Requests to this machine bypass the environment's proxy.
_DIRECT = {"http": "", "https": ""}


class ExchangeFailed(Exception):
    """The request failed; the message has the reason, but no URL, token or content.

    Attributes:
        is_passing: Whether a retry may succeed.
        retry_after: Seconds to wait, from the response's Retry-After header; else 0.
    """

    def __init__(self, reason: str, *, is_passing: bool, retry_after: float = 0.0) -> None:
        """Takes the reason, in a few words."""
        super().__init__(reason)
        self.is_passing = is_passing
        self.retry_after = retry_after


def check_url(url: str) -> str | None:
    """Returns what is wrong with a service's URL; None if it is valid.

    Requests contain personal data, so the URL must use TLS or be on this machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a web address"
    if parts.scheme not in ("http", "https") or not host:
        return "is not a web address that begins with https://"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or a password; put the token into its own setting"
    if parts.scheme == "http" and not _is_this_machine(host):
        return "is not encrypted; it must begin with https:// (http:// only on this machine)"
    return None


def post_json(
    url: str, token: str | None, body: object, *, timeout: float, max_bytes: int
) -> object:
    """Posts `body` as JSON and returns the JSON of the response.

    Args:
        url: A URL that passed `check_url`.
        token: Sent as `Authorization: Bearer …`; None sends none.
        body: Any value that orjson can serialise.
        timeout: Seconds for the whole request, from the DNS lookup to the last byte.
        max_bytes: The largest response that is read.

    Raises:
        ExchangeFailed: The request failed for any reason.
    """
    answers: queue.SimpleQueue[object] = queue.SimpleQueue()
    deadline = time.monotonic() + timeout

    def work() -> None:
        try:
            answers.put(_exchange(url, token, orjson.dumps(body), timeout, deadline, max_bytes))
        except ExchangeFailed as failure:
            answers.put(failure)
        except Exception as error:  # every error becomes a failure of this exchange
            answers.put(_failure(error))

    # The timeout of requests applies to each read, and the DNS lookup has none: a service that
    # sends one byte per second would block for hours. So the thread is abandoned at the timeout.
    threading.Thread(target=work, name="id-graph-exchange", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise _too_late() from None
    if isinstance(answer, ExchangeFailed):
        raise answer
    return answer


def _exchange(
    url: str, token: str | None, body: bytes, timeout: float, deadline: float, max_bytes: int
) -> object:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        # A small compressed response may expand to a huge one.
        "Accept-Encoding": "identity",
        "User-Agent": "onecdp",
    }
    with requests.post(
        url,
        data=body,
        headers=headers,
        auth=_Bearer(token),
        timeout=timeout,
        allow_redirects=False,
        stream=True,
        proxies=_DIRECT if _is_this_machine(urlsplit(url).hostname or "") else None,
    ) as response:
        _check_head(response, max_bytes)
        content = bytearray()
        # read1 returns what has arrived: waiting for a full buffer would miss the deadline.
        while piece := response.raw.read1(_READ_BYTES):
            content += piece
            if len(content) > max_bytes:
                raise _too_long(max_bytes)
            if time.monotonic() > deadline:
                raise _too_late()
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and len(content) < int(length):
            raise ExchangeFailed("the answer was cut off", is_passing=True)
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ExchangeFailed("the answer is not JSON", is_passing=False) from None


def _check_head(response: requests.Response, max_bytes: int) -> None:
    status = response.status_code
    if status == 429 or status >= 500:
        wait = _seconds(response.headers.get("Retry-After", ""))
        raise ExchangeFailed(f"HTTP status {status}", is_passing=True, retry_after=wait)
    if 300 <= status < 400:
        raise ExchangeFailed(f"redirected elsewhere (HTTP status {status})", is_passing=False)
    if status != 200:
        raise ExchangeFailed(f"HTTP status {status}", is_passing=False)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ExchangeFailed("the answer is compressed, unasked", is_passing=False)
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > max_bytes:
        raise _too_long(max_bytes)


class _Bearer(requests.auth.AuthBase):
    """Sets the token; used without one, too, so that requests ignores the user's netrc."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _failure(error: Exception) -> ExchangeFailed:
    """Returns a failure without the error's own message, which has the whole URL."""
    if isinstance(error, requests.exceptions.SSLError):
        return ExchangeFailed("its TLS certificate cannot be trusted", is_passing=False)
    if isinstance(error, requests.exceptions.Timeout):
        return _too_late()
    if isinstance(error, requests.exceptions.ConnectionError):
        return ExchangeFailed("no connection", is_passing=True)
    return ExchangeFailed(f"the exchange broke ({type(error).__name__})", is_passing=True)


def _too_late() -> ExchangeFailed:
    return ExchangeFailed("no whole answer in time", is_passing=True)


def _too_long(max_bytes: int) -> ExchangeFailed:
    return ExchangeFailed(f"the answer is longer than {max_bytes:,} bytes", is_passing=False)


def _seconds(retry_after: str) -> float:
    """Returns the seconds of a Retry-After header, a number or a date; 0 if it is invalid."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return 0.0


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
