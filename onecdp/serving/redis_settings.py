"""Which Redis or Valkey server has the online store: `[serving.redis]`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from onecdp.destinations.options import Options
from onecdp.errors import UsageProblem

PREFIX = "onecdp"
_URL = re.compile(r"rediss?://[^/?#]+(/[0-9]+)?/?")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class RedisSettings:
    """A server, and the names of our keys there.

    Attributes:
        url: `redis://host:6379/0`, or `rediss://` with TLS; without a password.
        prefix: What the names of all keys begin with: one per warehouse.
        username: Who asks; None is the default user.
        password: The password, if there is one.
    """

    url: str
    prefix: str = PREFIX
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def keys(self) -> tuple[object, ...]:
        """Where our keys are, however the URL spells it."""
        parts = urlsplit(self.url)
        number = int(parts.path.strip("/") or 0)
        return parts.hostname, parts.port or 6379, number, self.prefix

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.url} ({self.prefix})"


def read_redis(options: Options) -> RedisSettings | None:
    """Returns the server that a section `redis` names; None without one.

    Args:
        options: `[serving]`, or a tenant's section.

    Raises:
        UsageProblem: A setting can't be used; the message has no password.
    """
    said, inner = options.section("redis"), options.inner("redis")
    if not said:
        return None
    url = inner.text("url")
    if "@" in url:
        raise UsageProblem(
            f"{inner.where}.url has a user or a password; name them as username and password,"
            " below the same section in .dlt/secrets.toml"
        )
    if "?" in url or "#" in url:
        # The client's own URLs may have a password there.
        raise UsageProblem(
            f"{inner.where}.url has more than a server and a database; name username and password"
            " below the same section in .dlt/secrets.toml"
        )
    if not _URL.fullmatch(url) or not _has_server(url):
        raise UsageProblem(
            f"{inner.where}.url is {url!r}; it must be like redis://host:6379/0, or rediss://"
        )
    prefix = inner.text("prefix", PREFIX)
    if not _PREFIX.fullmatch(prefix):
        raise UsageProblem(f"{inner.where}.prefix is {prefix!r}; use a-z, 0-9, - and _")
    username, password = (
        inner.text(name) if name in said else None for name in ("username", "password")
    )
    # Asked for, so that it is known where it isn't set.
    for name in ("username", "password"):
        inner.text(name, "none")
    inner.end()
    return RedisSettings(url, prefix, username, password)


def _has_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # As it is asked for: no part of a name may be empty, or long.
        return bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        return False
