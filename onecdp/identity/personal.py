"""Hashes e-mail addresses and phone numbers, so that none is written in plain text.

A hash is the SHA-256, in lower case hex, of the normalised value; docs/personal-data.md has the
rules. What is no address and no number, such as a hash, stays as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from onecdp.errors import UsageProblem
from onecdp.identity.normalise import lower, normalise
from onecdp.identity.phones import NO_COUNTRY, read_phone
from onecdp.project.personal_data import DEFAULT, PersonalData
from onecdp.warehouse.sql_text import literal

EMAIL_HASH = "email_hash"
PHONE_HASH = "mobile_hash"
"""Types of identifiers, in seeds/id_types.csv."""
PLAIN_TYPES = {
    "email": EMAIL_HASH, "email_address": EMAIL_HASH,
    "phone": PHONE_HASH, "phone_number": PHONE_HASH, "mobile": PHONE_HASH,
}  # fmt: skip
"""What their plain values are called, on the command line and in links."""
NO_ADDRESS = "is no e-mail address"
SET_REGION = "set default_region below [personal_data] in .dlt/config.toml"

# In normalised addresses. The last label is a name, or a number would be one, too.
_PART = r"[^\x00-\x20\x7f-\xa0\x{3000}@<>\"(),;:/?&=\[\]\\#%]"
_LABEL = _PART.replace("%", "%.'")
_LETTER = r"[^\x00-\x40\[-`{-\xa0\x{3000}]"
SQL_ADDRESS = rf"^{_PART}{{1,64}}@(?:{_LABEL}+\.)+(?:{_LABEL}*{_LETTER}{_LABEL}+)$".replace(
    "$", r"\z"
)
_ADDRESS = re.compile(SQL_ADDRESS.replace(r"\x{3000}", "\u3000").replace(r"\z", r"\Z"))
# `mailto:bob@example.com`, and the address behind a name: `Bob <bob@example.com>`.
_SQL_AROUND = r"(?s)^(?:mailto:|.*<)?([^<>]*?)>?\z"
_AROUND = re.compile(_SQL_AROUND.replace(r"\z", r"\Z"))
_SQL_TAG = r"^([^+@]+)\+[^@]*@"
_TAG = re.compile(_SQL_TAG)
# Inside a text. An apostrophe is a part of it (o'brien@...) inside a word alone: elsewhere it
# quotes the address.
_IN_TEXT = re.compile(
    r"(?:[^\s@<>\"'(),;:/?&=]|(?<=\w)'(?=\w)){1,64}(?:@|%40)"
    r"[^\s@<>\"'(),;:/?&=#%]+\.(?:(?i:xn--)[a-zA-Z0-9-]{2,59}|[^\W\d_]{2,24})"
)
_PHONE_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])\+?[0-9](?:[ ().\-/]{0,2}[0-9]){6,14}(?![0-9A-Za-z])")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2})?"
    r"|[0-3]?[0-9]/[0-3]?[0-9]/(?:19|20)[0-9]{2}(?: |$)"
)


def normalise_address(text: str, personal: PersonalData = DEFAULT) -> str:
    """The address in NFKC and lower case, without what stands around it; empty if it is none."""
    if "@" not in text and not ("\uff20" in text or "\ufe6b" in text):
        return ""
    around = _AROUND.match(lower(normalise("", text)))
    address = around[1].strip(" ") if around else ""
    if not _ADDRESS.match(address):
        return ""
    return _TAG.sub(r"\1@", address) if personal.drop_plus_tags else address


def address_sql(trimmed: str, personal: PersonalData) -> str:
    """SQL for `normalise_address`, null for none; `trimmed` is in NFKC, as `trim_sql` has it."""
    inside = f"trim(regexp_extract(lower({trimmed}), {literal(_SQL_AROUND)}, 1))"
    whole = f"nullif(regexp_extract({inside}, {literal(SQL_ADDRESS)}), '')"
    if not personal.drop_plus_tags:
        return whole
    return f"regexp_replace({whole}, {literal(_SQL_TAG)}, '\\1@')"


def hash_address(text: str, personal: PersonalData = DEFAULT) -> str | None:
    """SHA-256, in hex, of an e-mail address; None if it is none."""
    address = normalise_address(text, personal)
    return sha256(address) if address else None


def hash_phone(text: str, personal: PersonalData = DEFAULT) -> str | None:
    """SHA-256, in hex, of a phone number in E.164; None if it is none."""
    number = read_phone(normalise("", text), personal.default_region).number
    return sha256(number) if number else None


def without_addresses(text: str, personal: PersonalData = DEFAULT) -> str:
    """The text with the hash in place of each e-mail address."""
    if "@" not in text and "%40" not in text:
        return text

    def hashed(found: re.Match[str]) -> str:
        plain = found[0].replace("%40", "@")
        return hash_address(plain, personal) or sha256(lower(normalise("", plain)))

    return _IN_TEXT.sub(hashed, text)


def without_phones(text: str, personal: PersonalData = DEFAULT) -> str:
    """The text with the hash in place of what may be a phone number; without one, with `…`."""

    def hashed(found: re.Match[str]) -> str:
        if _DATE.match(found[0]):
            return found[0]
        return hash_phone(found[0], personal) or "…"

    return _PHONE_IN_TEXT.sub(hashed, text)


def hide_plain(text: str, personal: PersonalData = DEFAULT) -> str:
    """The text, of which nobody knows what it holds, without addresses and phone numbers."""
    return without_phones(without_addresses(text, personal), personal)


def hashed_identifier(
    id_type: str, value: str, personal: PersonalData, known: Collection[str]
) -> tuple[str, str]:
    """The type and the value that an identifier has in the warehouse, if it is a plain one.

    `email:Bob@Example.com` and `email_hash:Bob@Example.com` are the hash of that address. All
    others stay as they are.

    Args:
        id_type: The type, in lower case.
        value: The value.
        personal: The project's settings.
        known: The types that there are. One that is called `email` is no name for a plain value.

    Raises:
        UsageProblem: It is called a plain one and can't be read.
    """
    kind = id_type if id_type in known else PLAIN_TYPES.get(id_type, id_type)
    if kind == EMAIL_HASH:
        hashed = hash_address(value, personal)
        problem = NO_ADDRESS
    elif kind == PHONE_HASH:
        phone = read_phone(normalise("", value), personal.default_region)
        hashed = sha256(phone.number) if phone.number else None
        problem = phone.problem or "is no valid phone number"
        if problem == NO_COUNTRY:
            problem += f"; write it with one, such as +8613…, or {SET_REGION}"
    else:
        return id_type, value
    if hashed is None and (kind != id_type or "@" in value):
        raise UsageProblem(f"{id_type}: the value {problem}")
    return kind, hashed or value


def sha256(text: str) -> str:
    """The hash that everything here gives."""
    return hashlib.sha256(text.encode()).hexdigest()
