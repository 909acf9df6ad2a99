"""What the online store is in Redis or Valkey.

    PREFIX:store          hash: format, epoch, generation, publication, id_types, batch, batch_name,
                          owner, tickets
    PREFIX:epochs         set: the epochs of which there are keys
    PREFIX:EPOCH:…
      oldest              the first generation that can still be read
      i:TYPE:VALUE        hash: `nGENERATION` → one_int
      c:ONE_INT           hash: `pGENERATION` → one_id and profile, `dGENERATION` → one_id and
                          identifiers
      touched:GENERATION  list: the keys that have something of it
      tickets             set: the names under which there are tickets
      t:NAME:TICKET_ID    text: what is known of a ticket of support, the newest of all generations
      h:NAME:TYPE:VALUE   set: the tickets of which it is an identifier
      a:GENERATION:PART   hash: package_id → summary, members or held_out

A publication is a generation: what changed is added under its number, and counts from the moment
that `store` names it. A reader asks for the newest of what is not newer than its own generation, so
it goes on reading that one until it has changed over. What a generation replaced is deleted when
the next one is written. An empty text is what is gone. An epoch is a store that is made anew.
Tickets that are made anew have another name, which `store` tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from onecdp.errors import OnecdpError
from onecdp.serving.batch_state import name_state
from onecdp.serving.redis_settings import RedisSettings

FORMAT = 3
Identity = tuple[str, ...]
NEEDS_EXTRA = "a store in Redis or Valkey needs its client: pip install 'onecdp[redis]'"
PARTS = ("summary", "members", "held_out")
PROFILE, IDENTITY, NUMBER = "p", "d", "n"
OUTDATED = "OUTDATED"
_REFUSALS = {
    "DB index is out of range": "it has no database of that number",
    "NoPermissionError": "its user may not do that",
    "OutOfMemoryError": "its memory is full",
    "ReadOnlyError": "it is a replica, which is not written to",
}
"""By the client's class, or by the server's words."""

LOOK_UP = """
local generation = tonumber(ARGV[1])
local oldest = redis.call('GET', KEYS[1])
if not oldest or tonumber(oldest) > generation then return redis.error_reply('OUTDATED') end
local function newest(key, kind)
    local best
    for _, field in ipairs(redis.call('HKEYS', key)) do
        if string.sub(field, 1, 1) == kind then
            local version = tonumber(string.sub(field, 2))
            if version <= generation and (not best or version > best) then best = version end
        end
    end
    return best and redis.call('HGET', key, string.format('%s%d', kind, best))
end
local number = ARGV[4]
if KEYS[2] then number = newest(KEYS[2], 'n') end
if not number or number == '' then return false end
local document = newest(ARGV[3] .. number, string.sub(ARGV[2], 1, 1))
if not document or document == '' then return false end
if ARGV[2] == 'p1' then
    document = string.sub(document, 1, string.find(document, '\\n', 1, true))
end
return {tonumber(number), document}
"""
"""KEYS: oldest, and the identifier unless ARGV has the one_int. ARGV: generation, `p`, `d`, or
`p1` for the one_id alone, what the names of customers begin with, one_int."""

KEEP = """
local is_gone = true
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    local version = tonumber(string.sub(field, 2))
    if version < tonumber(ARGV[1]) or version > tonumber(ARGV[2]) then
        redis.call('HDEL', KEYS[1], field)
    elseif redis.call('HSTRLEN', KEYS[1], field) > 0 then
        is_gone = false
    end
end
if is_gone then redis.call('UNLINK', KEYS[1]) end
"""
"""KEYS: an identifier or a customer. ARGV: the first and the last generation to keep."""


@dataclass(frozen=True)
class State:
    """What the pointer says.

    Attributes:
        epoch: The store.
        generation: Its publication, as a number.
        publication: The name of that.
        id_types: Types of identifiers, as JSON.
        batch: What its build had taken in, as JSON.
        owner: The warehouse that publishes it.
        tickets: The name of its tickets.
    """

    epoch: str
    generation: int
    publication: str
    id_types: str
    batch: str | None
    owner: str
    tickets: str

    @property
    def identity(self) -> Identity:
        """What differs where anything does, in few bytes."""
        return (str(FORMAT), self.epoch, str(self.generation), self.publication,
                name_state(self.batch))  # fmt: skip


@dataclass(frozen=True)
class Keys:
    """The names of keys in an epoch, with those of its tickets that have the name `tickets`."""

    prefix: str
    epoch: str
    tickets: str = ""

    def __call__(self, name: str) -> str:
        """Returns the full name."""
        return f"{self.prefix}:{self.epoch}:{name}"

    def identifier(self, id_type: str, id_value: str) -> str:
        """The key of an identifier."""
        return self(f"i:{id_type}:{id_value}")

    def customer(self, one_int: int) -> str:
        """The key of a customer."""
        return self(f"c:{one_int}")

    def ticket(self, ticket_id: str) -> str:
        """The key of a ticket."""
        return self(f"t:{self.tickets}:{ticket_id}")

    def tickets_of(self, id_type: str, id_value: str) -> str:
        """The key of the tickets that have an identifier."""
        return self(f"h:{self.tickets}:{id_type}:{id_value}")

    def touched(self, generation: int) -> str:
        """The list of keys that have something of a generation."""
        return self(f"touched:{generation}")

    def audiences(self, generation: int) -> list[str]:
        """The keys of the parts of audiences, as `PARTS`."""
        return [self(f"a:{generation}:{part}") for part in PARTS]


def connect(settings: RedisSettings, timeout: float) -> Any:
    """Returns a client; it connects when it is asked.

    Args:
        settings: The server.
        timeout: Seconds that an answer may take.

    Raises:
        OnecdpError: The client is not installed.
    """
    redis = _library()
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        settings.url,
        username=settings.username,
        password=settings.password,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        # A connection that the server has closed is opened once more.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        protocol=2,
    )


@contextmanager
def told(settings: RedisSettings) -> Iterator[None]:
    """Raises what goes wrong as `OnecdpError`, in one line without a password or a value."""
    redis = _library()
    try:
        yield
    except redis.AuthenticationError as error:
        raise OnecdpError(f"{settings.name} refuses the password, or wants one") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise OnecdpError(f"{settings.name} can't be reached: {type(error).__name__}") from error
    except redis.RedisError as error:
        raise OnecdpError(f"{settings.name} refuses: {_refusal(error)}") from error


def _refusal(error: Exception) -> str:
    """What the server refuses; of its own words the code alone, since the rest may have values."""
    said = _REFUSALS.get(type(error).__name__) or _REFUSALS.get(str(error))
    code = str(error).split(" ", 1)[0]
    # The client takes the commonest codes away.
    return said or (code if re.fullmatch("[A-Z]+", code) else type(error).__name__)


def _library() -> Any:
    try:
        import redis
    except ModuleNotFoundError:
        raise OnecdpError(NEEDS_EXTRA) from None
    return redis


def read_state(client: Any, settings: RedisSettings) -> State | None:
    """Returns what the pointer says; None if there is none of this format."""
    found: Mapping[bytes, bytes] = client.hgetall(pointer(settings))
    said = {name.decode(): value.decode() for name, value in found.items()}
    if said.get("format") != str(FORMAT):
        return None
    return State(
        said["epoch"], int(said["generation"]), said["publication"], said["id_types"],
        said.get("batch"), said["owner"], said["tickets"],
    )  # fmt: skip


def read_owner(client: Any, settings: RedisSettings) -> str | None:
    """Returns whose the store is, whatever its format; None if nothing says so."""
    owner: bytes | None = client.hget(pointer(settings), "owner")
    return None if owner is None else owner.decode()


def read_identity(client: Any, settings: RedisSettings) -> Identity | None:
    """Returns the identity of what the pointer says: it is asked again and again."""
    found = client.hmget(
        pointer(settings), "format", "epoch", "generation", "publication", "batch_name"
    )
    said = tuple((value or b"").decode() for value in found)
    return said if said[0] == str(FORMAT) else None


def pointer(settings: RedisSettings) -> str:
    """The key of the pointer."""
    return f"{settings.prefix}:store"


def check_memory(client: Any, settings: RedisSettings) -> None:
    """Raises if the server deletes keys by itself: who was there would be nobody, unnoticed."""
    redis = _library()
    try:
        memory = client.info("memory")
    except redis.exceptions.NoPermissionError:
        # Not every account may ask.
        return
    policy = str(memory.get("maxmemory_policy"))
    if memory.get("maxmemory") and policy.startswith("allkeys"):
        raise OnecdpError(
            f"{settings.name} deletes any keys when its memory is full:"
            f" maxmemory-policy is {policy}; set noeviction"
        )
