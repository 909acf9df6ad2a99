"""Phone numbers in E.164: `+8613800138000`.

By the library `phonenumbers`, Google's libphonenumber in Python. A number without a country code
must be in use by its patterns, one with it must have a length that its country has. The library
takes 60 µs a number, so most are told by its patterns alone, in 4 µs, and it gets the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

NO_COUNTRY = "has no country code"
INVALID = "is no valid phone number"

_MOST_DIGITS = 15
_PUNCTUATION = re.compile(r"[ ().\-/\u2010-\u2015]")
_WRITTEN = re.compile(
    r"(?i)(?:tel:)?(\+?[0-9 ().\-/\u2010-\u2015]+)"
    r"(?:[;,]?\s*(?:ext|extension|x|durchwahl|\u5206\u673a)[.:=]?\s*[0-9]{1,7})?"
)
_LONG_RUN = re.compile(r"[0-9](?:[ ().\-/\u2010-\u2015]*[0-9]){6}")
_TOKEN = re.compile(r"[^\s{}\[\]\"'<>]+")
_TYPES = (
    "mobile", "fixed_line", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip",
    "pager", "uan", "voicemail",
)  # fmt: skip


@dataclass(frozen=True)
class Phone:
    """What a text says.

    Attributes:
        number: The phone number in E.164; empty if it is none.
        problem: Why it can't be read, though it looks like one; else empty. No value is in it.
    """

    number: str = ""
    problem: str = ""


NO_PHONE = Phone()
"""What is no phone number: a hash or another code."""


def read_phone(text: str, region: str = "") -> Phone:
    """Reads a text in NFKC, without white space around it.

    Fewer than seven digits, more than E.164's fifteen, one digit again and again, and codes with
    letters are no number.

    Args:
        text: The text.
        region: The country of numbers that don't state one, in two letters; or empty.
    """
    if len(text) >= 7 and text.isascii() and text.isdecimal():
        # Most numbers: regular expressions would cost twice as much.
        digits = text
    elif not _LONG_RUN.search(text):
        return NO_PHONE
    elif written := _WRITTEN.fullmatch(text):
        digits = _PUNCTUATION.sub("", written[1])
    else:
        is_code = not text.isascii() or any(map(str.isalpha, text))
        return NO_PHONE if is_code and _TOKEN.fullmatch(text) else Phone(problem=INVALID)
    if len(set(digits)) == 1:
        return NO_PHONE
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if len(digits.lstrip("+")) > _MOST_DIGITS:
        return NO_PHONE
    if not digits.startswith("+") and not region:
        return Phone(problem=NO_COUNTRY)
    number = _by_pattern(digits, region) or _by_library(digits, region)
    return Phone(number) if number else Phone(problem=INVALID)


@dataclass(frozen=True)
class _Plan:
    """The numbers of the countries with one calling code.

    Attributes:
        main: The country that the patterns of prefixes are of.
        general: The pattern of all national numbers.
        valid: The pattern of those in use.
        prefix: The pattern of what is dialled before them within the country.
        abroad: That of what is dialled there before a country code.
        trunk: The digits of `prefix`, where it is nothing else.
    """

    main: str
    general: re.Pattern[str]
    valid: re.Pattern[str]
    prefix: re.Pattern[str] | None
    abroad: re.Pattern[str] | None
    trunk: str


@cache
def _plan(code: str) -> _Plan | None:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    found = [m for region in regions if (m := PhoneMetadata.metadata_for_region(region))]
    main = found[0] if found else None
    if main is None or main.general_desc is None or not main.general_desc.national_number_pattern:
        return None
    patterns = [
        described.national_number_pattern
        for metadata in found
        for name in _TYPES
        if (described := getattr(metadata, name)) and described.national_number_pattern
    ]
    prefix, abroad = main.national_prefix_for_parsing, main.international_prefix
    # What a prefix is replaced by is for the library.
    is_simple = (prefix or "").isdecimal() and not main.national_prefix_transform_rule
    return _Plan(
        regions[0],
        re.compile(main.general_desc.national_number_pattern),
        re.compile("|".join(f"(?:{pattern})" for pattern in patterns)),
        re.compile(prefix) if prefix else None,
        re.compile(abroad) if abroad else None,
        (prefix or "") if is_simple else "",
    )


@cache
def _code_of(region: str) -> str:
    from phonenumbers import country_code_for_region

    return str(country_code_for_region(region))


@cache
def _codes() -> frozenset[str]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


def _by_pattern(digits: str, region: str) -> str:
    """The number, where the patterns leave no doubt; else empty."""
    if digits.startswith("+"):
        code = next((digits[1:n] for n in (2, 3, 4) if digits[1:n] in _codes()), "")
        plan = _plan(code) if code else None
        return digits if plan and _is_plain(digits[1 + len(code) :], plan) else ""
    code = _code_of(region)
    plan = _plan(code)
    if not plan or plan.main != region or (plan.abroad and plan.abroad.match(digits)):
        return ""
    national = digits
    if digits.startswith(code):
        national = digits[len(code) :]
        if plan.general.fullmatch(digits):
            return ""
    elif plan.trunk and digits.startswith(plan.trunk):
        national = digits[len(plan.trunk) :]
    return f"+{code}{national}" if _is_plain(national, plan) else ""


def _is_plain(national: str, plan: _Plan) -> bool:
    """Whether it is a number in use that begins with nothing which might be a prefix."""
    if plan.prefix and plan.prefix.match(national):
        return False
    return bool(plan.general.fullmatch(national) and plan.valid.fullmatch(national))


def _by_library(digits: str, region: str) -> str:
    import phonenumbers

    try:
        found = phonenumbers.parse(digits, region or None)
    except phonenumbers.NumberParseException:
        return ""
    # A number that states its country is one, also of a range that the library doesn't know yet.
    is_stated = digits.startswith("+")
    test = phonenumbers.is_possible_number if is_stated else phonenumbers.is_valid_number
    if not test(found):
        return ""
    return str(phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164))
