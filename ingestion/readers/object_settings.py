"""How object storage is reached: by dlt's `filesystem` settings, [sources.filesystem]."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.exceptions import MissingDependencyException
from dlt.common.storages.configuration import FilesystemConfiguration
from dlt.common.storages.fsspec_filesystem import fsspec_from_config

from .objects import ObjectFolder, Storage

# The extra of onecdp that reads a kind of URL, and the package that it brings.
CLIENTS = {
    "s3": ("s3", "s3fs"), "oss": ("s3", "s3fs"), "gs": ("gs", "gcsfs"), "az": ("az", "adlfs"),
}  # fmt: skip
SECTION = "[sources.filesystem.credentials] in .dlt/secrets.toml"
# Beyond these, one answer that fails would take minutes.
_PATIENCE = {"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 2}}


class BadStorage(Exception):
    """Settings of object storage that can't work; the message is for the user and has no secret."""


def open_folder(url: str, copies: Path, remembered: Path) -> ObjectFolder:
    """Opens a folder in object storage by the settings of the project; asks for nothing yet.

    Args:
        url: Such as `s3://bucket/exports`.
        copies: A folder for copies of objects.
        remembered: The file that tells what objects hold.

    Raises:
        BadStorage: The settings can't work, or the client is not installed.
    """
    url = url.rstrip("/")
    scheme, _, path = url.partition("://")
    if scheme not in CLIENTS or not path.strip("/"):
        known = ", ".join(f"{name}://" for name in CLIENTS)
        raise BadStorage(f"{url}: expected the URL of a folder that begins with one of {known}")
    if "@" in path.partition("/")[0]:
        raise BadStorage(f"a URL with credentials in it is not read; put them into {SECTION}")
    extra, client = CLIENTS[scheme]
    if find_spec(client) is None:
        raise BadStorage(f"{url}: {scheme}:// needs more packages: pip install 'onecdp[{extra}]'")
    try:
        settings = _settings(scheme, url)
        filesystem, found = fsspec_from_config(settings)
    except (ConfigurationException, MissingDependencyException, ValueError) as error:
        raise BadStorage(f"{url}: {_missing(scheme, error)}") from None
    if extra == "s3":
        filesystem.retries = 2
    return ObjectFolder(url, found.rstrip("/"), Storage(filesystem, copies, remembered))


def _settings(scheme: str, url: str) -> FilesystemConfiguration:
    is_s3 = CLIENTS[scheme][0] == "s3"
    bucket_url = f"s3://{url.partition('://')[2]}" if is_s3 else url
    settings = resolve_configuration(
        FilesystemConfiguration(bucket_url=bucket_url), sections=("sources", "filesystem")
    )
    if is_s3:
        if scheme == "oss" and not getattr(settings.credentials, "endpoint_url", None):
            raise ValueError(
                f"oss:// needs the S3 endpoint of its region; add endpoint_url = "
                f'"https://oss-REGION.aliyuncs.com" to {SECTION}'
            )
        # OSS knows a bucket by the name of its host alone.
        style: dict[str, Any] = {"s3": {"addressing_style": "virtual"}} if scheme == "oss" else {}
        client = {**_PATIENCE, **style, **(settings.config_kwargs or {})}
        settings.kwargs = {**(settings.kwargs or {}), "config_kwargs": client}
    return settings


def _missing(scheme: str, error: Exception) -> str:
    if isinstance(error, ValueError) and not isinstance(error, ConfigurationException):
        return " ".join(str(error).split())[:300]
    wanted = {
        "gs": "project_id, private_key and client_email",
        "az": "azure_storage_account_name and azure_storage_account_key",
    }.get(scheme, "aws_access_key_id and aws_secret_access_key")
    return f"no credentials were found; set {wanted} below {SECTION}, or in the environment"
