"""Signatures of webhooks: HMAC of the body, and of what a service signs beside it."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Signature:
    """How a service signs.

    Attributes:
        header: The header with the signature.
        algorithm: `sha256`, `sha1` or `sha512`.
        encoding: `hex` or `base64`.
        prefix: What stands before it in the header, such as `sha256=`.
        time_header: The header whose value is signed before the body.
        covers_url: Whether the address is signed, and then each field of the form by its name.
    """

    header: str
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""
    time_header: str = ""
    covers_url: bool = False

    def is_of(self, secret: str, url: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the service with this secret signed the call."""
        given = headers.get(self.header, "")
        if not given.startswith(self.prefix):
            return False
        mac = hmac.new(secret.encode(), digestmod=self.algorithm)
        for part in self._signed(url, headers, body):
            mac.update(part)
        digest = mac.digest()
        expected = digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()
        # As bytes: texts with other than ASCII characters can't be compared.
        return hmac.compare_digest(given.removeprefix(self.prefix).encode(), expected.encode())

    def _signed(self, url: str, headers: Mapping[str, str], body: bytes) -> Iterable[bytes]:
        if self.covers_url:
            yield url.encode()
            for name, value in sorted(parse_qsl(body.decode("utf-8", "replace"), True)):
                yield name.encode()
                yield value.encode()
            return
        if self.time_header:
            yield headers.get(self.time_header, "").encode()
        yield body
