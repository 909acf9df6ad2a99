"""Hashes e-mail addresses and phone numbers, so that none is written in plain text."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# An apostrophe is a part of it (o'brien@…) inside a word alone: elsewhere it quotes the address.
_ADDRESS = re.compile(
    r"(?:[^\s@<>\"'(),;:/?&=]|(?<=\w)'(?=\w)){1,64}(?:@|%40)"
    r"[^\s@<>\"'(),;:/?&=#%]+\.(?:(?i:xn--)[a-zA-Z0-9-]{2,59}|[^\W\d_]{2,24})"
)
_NO_DIGIT = re.compile(r"[\s().\-/]")
_PHONE = re.compile(r"(?:\+|00)([1-9][0-9]{6,14})")


def is_address(text: str) -> bool:
    """Whether the whole text is an e-mail address."""
    return "@" in text and _ADDRESS.fullmatch(text.strip()) is not None


def hash_address(text: str) -> str | None:
    """SHA-256, in hex, of an e-mail address in NFKC and lower case; None if it is none."""
    address = unicodedata.normalize("NFKC", text).strip()
    return _sha256(address.lower()) if is_address(address) else None


def hash_phone(text: str) -> str | None:
    """SHA-256, in hex, of a phone number as `+` and digits; None if it has no country code."""
    plain = _NO_DIGIT.sub("", unicodedata.normalize("NFKC", text))
    found = _PHONE.fullmatch(plain)
    return _sha256(f"+{found[1]}") if found else None


def without_addresses(text: str) -> str:
    """The text with the hash in place of each e-mail address."""
    if "@" not in text and "%40" not in text:
        return text
    return _ADDRESS.sub(lambda found: _sha256(_plain(found[0])), text)


def _plain(found: str) -> str:
    return unicodedata.normalize("NFKC", found).replace("%40", "@").lower()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
