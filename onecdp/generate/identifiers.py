"""Identifiers as (type, number), and SQL for their values.

Everything is drawn as numbers; values are formatted when a file is written. Numbers from 0 belong
to a person, -1 is none, and lower ones are junk: placeholders in the rows of many people.
"""

from __future__ import annotations

import hashlib

TYPES = (
    "member_id",
    "union_id",
    "retail_customer_id",
    "mobile_hash",
    "email_hash",
    "open_id",
    "device_id",
)
MEMBER, UNION, SHOP, MOBILE, EMAIL, OPEN, DEVICE = range(len(TYPES))
NONE = -1
FIRST_JUNK = -2


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


JUNK: dict[int, tuple[str, ...]] = {
    UNION: ("unknown", "0"),
    MOBILE: ("unknown", "0", _hashed(""), _hashed("0"), _hashed("unknown")),
    EMAIL: ("unknown", "null", _hashed(""), _hashed("test@test.com"), _hashed("null")),
    DEVICE: ("00000000-0000-0000-0000-000000000000",),
}
"""Placeholders of forms, exports and phones."""

# Values include the seed, so that two generated shops have no person in common.
_SPELLINGS = {
    MEMBER: "'MBR' || lpad(({n})::varchar, 8, '0')",
    UNION: "'un_' || left(md5('union:{seed}:' || ({n})), 20)",
    SHOP: "(100000 + {n})::varchar",
    MOBILE: "sha256('mobile:{seed}:' || ({n}))",
    EMAIL: "sha256('email:{seed}:' || ({n}))",
    OPEN: "'op_' || left(md5('open:{seed}:' || ({n})), 20)",
    DEVICE: "md5('device:{seed}:' || ({n}))::uuid::varchar",
}


def spelled(id_type: int, n: str, seed: int) -> str:
    """Returns SQL for the value of identifier `n`, an SQL expression; null if it is none."""
    made = _SPELLINGS[id_type].format(n=n, seed=seed)
    junk = JUNK.get(id_type, ())
    values = ", ".join(f"'{value}'" for value in junk)
    placeholder = f" when {n} < {NONE} then ([{values}])[{NONE} - ({n})]" if junk else ""
    return f"case when {n} >= 0 then {made}{placeholder} end"


def spelled_any(id_type: str, n: str, seed: int) -> str:
    """The same with the type as an SQL expression."""
    cases = " ".join(f"when {t} then {spelled(t, n, seed)}" for t in range(len(TYPES)))
    return f"case {id_type} {cases} end"


def type_name(id_type: str) -> str:
    """Returns SQL for the name of a type, an SQL expression."""
    return f"([{', '.join(repr(name) for name in TYPES)}])[{id_type} + 1]"


def oddly(value: str, spelling: str) -> str:
    """Returns SQL for `value` unchanged (0), in capitals (1) or padded with spaces (2)."""
    return f"case {spelling} when 1 then upper({value}) when 2 then ' ' || {value} || ' ' " + (
        f"else {value} end"
    )
