"""Member accounts, made up for tests of probabilistic links, and the links between them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from onecdp.identity.likeness import probabilistic_links

MEMBERS = pa.schema(
    [
        ("member_id", pa.string()),
        ("real_name", pa.string()),
        ("birthday", pa.date32()),
        ("gender", pa.string()),
        ("register_channel", pa.string()),
    ]
)
IDENTIFIERS = pa.schema(
    [("member_id", pa.string()), ("mobile_hash", pa.string()), ("email_hash", pa.string())]
)
MERGE, REVIEW = 0.97, 0.90


Attributes = tuple[str, str | None, date | None, str | None, str | None]
Member = tuple[Attributes, tuple[str, str | None, str | None]]
"""A row of MEMBERS and one of IDENTIFIERS."""


def member(
    member_id: str,
    real_name: str | None,
    birthday: str | None,
    gender: str | None = None,
    mobile: str | None = None,
    email: str | None = None,
    channel: str | None = "app",
) -> Member:
    born = date.fromisoformat(birthday) if birthday else None
    return (member_id, real_name, born, gender, channel), (
        member_id,
        mobile,
        email,
    )


def links(
    members: Sequence[Member],
    *,
    review: float = REVIEW,
    merge: float = MERGE,
    junk_names: Sequence[str] = (),
) -> pa.Table:
    rows = [dict(zip(MEMBERS.names, attributes, strict=True)) for attributes, _ in members]
    hashes = [dict(zip(IDENTIFIERS.names, values, strict=True)) for _, values in members]
    return probabilistic_links(
        pa.Table.from_pylist(rows, MEMBERS),
        pa.Table.from_pylist(hashes, IDENTIFIERS),
        junk_names=junk_names,
        review=review,
        merge=merge,
    )


def probabilities(members: Sequence[Member], **options: Any) -> dict[tuple[str, str], float]:
    return {
        (row["left_id_value"], row["right_id_value"]): row["probability"]
        for row in links(members, **options).to_pylist()
    }


FIRST = [
    "Anna",
    "Bela",
    "Cora",
    "Dora",
    "Emil",
    "Fritz",
    "Gerd",
    "Hans",
    "Ida",
    "Jana",
    "Kurt",
    "Lena",
    "Max",
    "Nora",
    "Otto",
    "Pia",
    "Rolf",
]
FAMILY = [
    "Adler",
    "Becker",
    "Conrad",
    "Dietz",
    "Ebert",
    "Fuchs",
    "Gross",
    "Huber",
    "Jung",
    "Keller",
    "Lang",
    "Moser",
    "Nagel",
]


def crowd(size: int, seed: int = 1) -> list[Member]:
    """People of whom each holds all of theirs alone; many share a name, few name and birthday."""
    draw = random.Random(seed)
    return [
        member(
            f"c{number:05d}",
            f"{draw.choice(FIRST)} {draw.choice(FAMILY)}",
            str(date(1950, 1, 1) + timedelta(draw.randrange(365 * 55))),
            draw.choice(["F", "M", None]),
            f"mobile-{number}" if draw.random() < 0.95 else None,
            f"email-{number}" if draw.random() < 0.75 else None,
            draw.choice(["app", "online", "offline"]),
        )
        for number in range(size)
    ]


def pairs_of(*ids: str) -> set[tuple[str, ...]]:
    return {tuple(sorted(pair)) for pair in zip(ids[::2], ids[1::2], strict=True)}


def ids(members: Sequence[Member]) -> list[str]:
    return [attributes[0] for attributes, _ in members]
