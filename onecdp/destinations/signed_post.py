"""A signed POST, and the file of what a service refused.

The signature is HMAC-SHA256 of the time header and the body, as `onecdp collect` checks those of
others.
"""

from __future__ import annotations

import hmac
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import orjson
import requests

from onecdp.destinations.options import Options
from onecdp.destinations.protocol import Interrupted
from onecdp.errors import OnecdpError, UsageProblem

SIGNATURE, TIME, PREFIX = "X-Onecdp-Signature", "X-Onecdp-Timestamp", "sha256="
_TIMEOUT = 30
_LONGEST_WAIT = 60.0
# The body is what is wrong; any other refusal would meet all others, too.
_OF_THE_BODY = (400, 409, 413, 415, 422)


@dataclass(frozen=True)
class Address:
    """Where to post, and what to sign with; the address may have a token."""

    url: str = field(repr=False)
    secret: str = field(repr=False)


class Busy(Interrupted):
    """The service answers that it can't now, or not at all.

    Attributes:
        seconds: How long it asks to wait, if it does.
    """

    def __init__(self, text: str, seconds: float | None = None) -> None:
        """Takes one line without secrets."""
        super().__init__(text)
        self.seconds = seconds


def read_address(options: Options) -> Address:
    """Returns `url` and `secret` of a destination's settings.

    Raises:
        UsageProblem: One of them can't be used.
    """
    url, secret = options.text("url"), options.text("secret")
    if not url.lower().startswith(("http://", "https://")):
        raise UsageProblem(f"{options.where}.url must begin with http:// or https://")
    if not _has_host(url):
        raise UsageProblem(f"{options.where}.url has no host, or a port that is none")
    if len(secret) < 8:
        raise UsageProblem(f"{options.where}.secret must be a text of 8 characters or more")
    return Address(url, secret)


class SignedPost:
    """Posts to one address."""

    def __init__(self, name: str, address: Address) -> None:
        """Takes the destination's name, for messages; connects to nothing yet."""
        self._name, self._address = name, address
        self._session = requests.Session()

    def post(self, body: bytes, key: str) -> int | None:
        """Posts once; returns None if it was taken, or the status that refuses this body.

        Args:
            body: JSON.
            key: The idempotency key: whoever posts the same once more gives the same.

        Raises:
            Busy: The service can't take it now.
            OnecdpError: It would refuse every body.
        """
        moment = str(int(time.time()))
        mac = hmac.new(self._address.secret.encode(), moment.encode() + body, "sha256")
        headers = {
            "Content-Type": "application/json",
            TIME: moment,
            SIGNATURE: f"{PREFIX}{mac.hexdigest()}",
            "Idempotency-Key": key,
        }
        try:
            answer = self._session.post(
                self._address.url, data=body, headers=headers, timeout=_TIMEOUT,
                allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException as error:
            # Its text has the address, with any token.
            raise Busy(f"{self._name} can't be reached ({type(error).__name__})") from None
        status = answer.status_code
        if 200 <= status < 300:
            return None
        if status in _OF_THE_BODY:
            return int(status)
        text = f"{self._name} answered {status} {answer.reason}"
        if status in (408, 425, 429) or status >= 500:
            raise Busy(text, _seconds(answer.headers.get("Retry-After")))
        raise OnecdpError(text)

    def close(self) -> None:
        """Closes the connection."""
        self._session.close()


def letter_file(folder: Path, name: str) -> Path:
    """The file of what a destination refused, in the folder of dead letters."""
    return folder / f"{quote(name, safe='')}.jsonl"


def keep_letter(file: Path, status: int | None, *bodies: bytes) -> None:
    """Appends what was refused to a private file, for people to look at.

    Args:
        file: The file; its folder is made.
        status: The answer; None if there was none.
        bodies: JSON each.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [
        orjson.dumps({"at": at, "status": status, "body": orjson.loads(body)}) + b"\n"
        for body in bodies
    ]
    handle = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "ab") as stream:
        stream.writelines(lines)
        stream.flush()
        os.fsync(stream.fileno())


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # As it is asked of the network; a port is read when it is asked for.
        return bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        return False


def _seconds(text: str | None) -> float | None:
    return min(float(text), _LONGEST_WAIT) if text and text.isdecimal() else None
