"""The settings of the online store and its API: `[serving]` in .dlt/config.toml and secrets.toml.

In the environment the hash of a key is `SERVING__KEYS__WEB__HASH`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onecdp.destinations.options import Options
from onecdp.errors import UsageProblem
from onecdp.identity.normalise import lower
from onecdp.live.seed_file import read_columns
from onecdp.live.settings import ID_TYPES, NO_FEATURES, LiveSettings, read_live_settings
from onecdp.project.find import expand_user
from onecdp.project.personal_data import PersonalData, read_personal_data
from onecdp.project.settings import read_section
from onecdp.serving.places import Place, Stores, place_of, stores_of
from onecdp.serving.redis_settings import RedisSettings, read_redis
from onecdp.warehouse.files import Warehouse

SECTION = "serving"
OWN = "default"
"""The name of the tenant that is the project's own warehouse."""
SCOPES = {
    "profiles:read": "profiles, and the audiences that a customer is in",
    "identities:read": "one_ids and their identifiers",
    "audiences:read": "audiences, and whether a customer is in one",
    "audiences:estimate": "how many customers a rule selects, and their make-up",
    "metrics:read": "figures of the server on requests of this tenant",
}
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_HASH = re.compile(r"[0-9a-f]{64}")
REQUESTS_PER_SECOND = 200.0


@dataclass(frozen=True)
class Key:
    """Who may ask, and what.

    Attributes:
        name: Its name in the settings.
        digest: SHA-256 of the key, in hex; the key itself is nowhere.
        scopes: What it may ask, of `SCOPES`.
        fields: The columns of profiles that it may see; None is all of them.
        requests_per_second: How many questions it may ask, averaged over ten seconds.
    """

    name: str
    digest: str
    scopes: frozenset[str]
    fields: frozenset[str] | None
    requests_per_second: float


@dataclass(frozen=True)
class TenantSettings:
    """A warehouse, and the keys that reach it and no other."""

    name: str
    warehouse: Warehouse
    keys: tuple[Key, ...]
    redis: RedisSettings | None = None

    @property
    def store(self) -> Place:
        """Where its online store is."""
        return place_of(self.warehouse, self.redis)


@dataclass(frozen=True)
class Settings:
    """What the project says.

    Attributes:
        tenants: At least one, each with a key.
        refresh_seconds: How often the server looks for a new publication.
        has_access_log: Whether each request is a line on stderr.
        personal: How addresses and numbers are normalised, `[personal_data]`.
        live: What is computed of recent events.
        id_types: Those of seeds/id_types.csv, also where no customer has one yet.
    """

    tenants: tuple[TenantSettings, ...]
    refresh_seconds: float
    has_access_log: bool
    personal: PersonalData
    live: LiveSettings = NO_FEATURES
    id_types: frozenset[str] = frozenset()


def read_stores(project: Path, warehouse: Warehouse, environment: Mapping[str, str]) -> Stores:
    """Returns where `onecdp publish` keeps the online store, with `online_store = true`.

    Raises:
        UsageProblem: That is neither true nor false, or the server's settings can't be used.
    """
    options = Options(SECTION, read_section(project, SECTION, environment))
    is_kept = options.flag("online_store")
    return stores_of(warehouse, read_redis(options), is_kept=is_kept)


def read_settings(project: Path, warehouse: Warehouse, environment: Mapping[str, str]) -> Settings:
    """Returns the settings of the API.

    Args:
        project: Its folder.
        warehouse: Its own warehouse.
        environment: Usually `os.environ`.

    Raises:
        UsageProblem: A setting can't be used, or there is no key; the message names it.
    """
    options = Options(SECTION, read_section(project, SECTION, environment))
    options.flag("online_store")
    tenants = [TenantSettings(OWN, warehouse, _keys(options), read_redis(options))]
    others = options.inner("tenants")
    for name in options.section("tenants"):
        other = others.inner(name)
        if name == OWN or not NAME.fullmatch(name):
            raise UsageProblem(f"{others.where}: {name!r} is no name for a tenant")
        folder = project / expand_user(Path(other.text("warehouse")))
        at = Warehouse(folder.resolve())
        tenants.append(TenantSettings(name, at, _keys(other), read_redis(other)))
        other.end()
    settings = Settings(
        tenants=tuple(tenant for tenant in tenants if tenant.keys),
        refresh_seconds=options.rate("refresh_seconds", 1.0),
        has_access_log=options.flag("access_log"),
        personal=read_personal_data(project, environment),
        live=read_live_settings(project),
        id_types=frozenset(
            lower(name) for _, (name,) in read_columns(project, ID_TYPES, ("id_type",))
        ),
    )
    options.end()
    _check(settings.tenants)
    return settings


def _keys(options: Options) -> tuple[Key, ...]:
    section = options.inner("keys")
    return tuple(_key(name, section.inner(name)) for name in options.section("keys"))


def _key(name: str, options: Options) -> Key:
    if not NAME.fullmatch(name):
        raise UsageProblem(f"{options.where}: {name!r} is no name for a key")
    digest, scopes = options.text("hash"), options.texts("scopes") or ()
    if not _HASH.fullmatch(digest):
        # A key that was pasted here would be shown.
        raise UsageProblem(
            f"{options.where}.hash must be a SHA-256 of 64 hex digits; `onecdp serve-key` makes one"
        )
    fields = options.texts("fields")
    key = Key(
        name=name,
        digest=digest,
        scopes=check_scopes(scopes, f"{options.where}.scopes"),
        fields=None if fields is None else frozenset(fields),
        requests_per_second=options.rate("requests_per_second", REQUESTS_PER_SECOND),
    )
    options.end()
    return key


def check_scopes(scopes: Sequence[str], where: str) -> frozenset[str]:
    """Returns the scopes of a key.

    Raises:
        UsageProblem: There is none, or one that isn't known.
    """
    for scope in scopes:
        if scope not in SCOPES:
            raise UsageProblem(f"{where}: {scope!r} is none of {', '.join(SCOPES)}")
    if not scopes:
        raise UsageProblem(f"{where} must name what the key may ask: {', '.join(SCOPES)}")
    return frozenset(scopes)


def _check(tenants: Sequence[TenantSettings]) -> None:
    if not tenants:
        raise UsageProblem(
            "nobody could ask anything: there is no key; `onecdp serve-key web --scope"
            " profiles:read` makes one (docs/serving.md)"
        )
    stores: dict[object, str] = {}
    for tenant in tenants:
        if tenant.redis:
            other = stores.setdefault(tenant.redis.keys, tenant.name)
            if other != tenant.name:
                raise UsageProblem(
                    f"{SECTION}: {other} and {tenant.name} have the same Redis and the same prefix"
                )
    known: dict[str, str] = {}
    for tenant in tenants:
        for key in tenant.keys:
            name = f"{tenant.name}.{key.name}"
            if same := known.get(key.digest):
                raise UsageProblem(f"{SECTION}: {same} and {name} are the same key")
            known[key.digest] = name
