"""The files in which advertising platforms take lists of customers (customer match).

Platforms compare SHA-256 of an e-mail address in lower case without spaces, and of a phone number
with its country code. Phone numbers are hashed with their `+` (E.164) at Google, as digits alone at
Meta, and either way at TikTok; a hash of one can't be made of the other. The warehouse holds hashes
and no addresses: nothing is hashed here, and a value that is no SHA-256 is left out.

Sources: Meta, Marketing API, Customer File Custom Audiences ("remove symbols, letters, and any
leading zeroes"); Google Ads Help 7476159 and 7659867 (headers Email and Phone, E.164); TikTok Ads
Help, List of supported IDs and formats for a customer file (Email_SHA256, Phone_SHA256).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from onecdp.destinations.selection import Selection
from onecdp.warehouse.sql_text import literal, quoted

PHONE_HASHES = ("e164", "digits")
# SHA-256 of nothing: somebody hashed an empty field.
_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True)
class Platform:
    """How a platform takes a list.

    Attributes:
        name: As in `--for`.
        email: The header of e-mail addresses.
        phone: The header of phone numbers.
        phone_hashes: What a hash of a phone number may be made of.
    """

    name: str
    email: str
    phone: str
    phone_hashes: Sequence[str]


PLATFORMS = {
    "meta": Platform("meta", "email", "phone", ("digits",)),
    "google": Platform("google", "Email", "Phone", ("e164",)),
    "tiktok": Platform("tiktok", "Email_SHA256", "Phone_SHA256", ("e164", "digits")),
}


def for_platform(selection: Selection, platform: Platform, phone_hash: str) -> Selection:
    """Returns the rows of a selection that a platform can match, in its columns.

    Args:
        selection: With the columns email_hash and mobile_hash.
        platform: The platform.
        phone_hash: What mobile_hash is a hash of; where the platform needs another one, phones are
            left out.
    """
    email = _sha256("email_hash")
    takes_phones = phone_hash in platform.phone_hashes
    phone = _sha256("mobile_hash") if takes_phones else "null::varchar"
    columns = (platform.email, platform.phone)
    matched = (
        f"select __one_id, {email} as {quoted(platform.email)}, {phone} as {quoted(platform.phone)}"
        f" from ({selection.query})"
    )
    is_any = " or ".join(f"{quoted(name)} is not null" for name in columns)
    other = f"mobile_hash is not null and {phone} is null"
    return replace(
        selection,
        query=f"select * from ({matched}) where {is_any}",
        columns=columns,
        removed_by=columns,
        platform=platform.name,
        left_out=f"select count(*) filter (email_hash is not null and {email} is null)"
        f" as emails_left_out, count(*) filter ({other}) as phones_left_out,"
        f" count(*) filter ({email} is null and {phone} is null) as customers_left_out"
        f" from ({selection.query})",
    )


def _sha256(column: str) -> str:
    """SQL: the value in lower case if it is a SHA-256 of something, else null."""
    value = f"lower(trim({column}))"
    return (
        f"case when regexp_full_match({value}, '[0-9a-f]{{64}}') and {value} <> {literal(_EMPTY)}"
        f" then {value} end"
    )
