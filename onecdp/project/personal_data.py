"""How the project normalises e-mail addresses and phone numbers: `[personal_data]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from onecdp.errors import UsageProblem
from onecdp.project.settings import check_names, read_section

SECTION = "personal_data"
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True)
class PersonalData:
    """The settings; they hold for all sources, since equal people must have equal hashes.

    Attributes:
        default_region: The country of phone numbers that don't state one, as `CN`; or empty.
        drop_plus_tags: Whether `bob+news@example.com` is `bob@example.com`.
    """

    default_region: str = ""
    drop_plus_tags: bool = False


DEFAULT = PersonalData()


def read_personal_data(project: Path, environment: Mapping[str, str]) -> PersonalData:
    """Returns the settings of a project.

    Args:
        project: Its folder.
        environment: Usually `os.environ`.

    Raises:
        UsageProblem: One can't be used; the message names it.
    """
    said = read_section(project, SECTION, environment)
    check_names(said, SECTION, (field.name for field in fields(PersonalData)))
    tags = said.get("drop_plus_tags", False)
    tags = _FLAGS.get(tags.lower(), tags) if isinstance(tags, str) else tags
    if not isinstance(tags, bool):
        raise UsageProblem(
            f"[{SECTION}] drop_plus_tags is {tags!r}; expected true or false (.dlt/config.toml)"
        )
    return PersonalData(_region(said.get("default_region", "")), tags)


def _region(said: object) -> str:
    if not said:
        return ""
    # It takes a tenth of a second, which only those pay who need it.
    from phonenumbers import SUPPORTED_REGIONS

    region = said.strip().upper() if isinstance(said, str) else ""
    if region not in SUPPORTED_REGIONS:
        raise UsageProblem(
            f"[{SECTION}] default_region is {said!r}; expected the two letters of a country in "
            "ISO 3166, such as CN or DE (.dlt/config.toml)"
        )
    return region
