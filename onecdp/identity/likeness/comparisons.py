"""The attributes that are compared, and the prior probabilities of their agreement.

docs/probabilistic.md gives the reasons for each comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

from onecdp.identity.likeness.members import NEAR_BIRTHDAY, NEAR_NAME, Facts


@dataclass(frozen=True)
class Level:
    """A level of agreement of an attribute.

    Attributes:
        condition: SQL over the columns `_l` and `_r`; the first level that holds applies.
        same: Label of an attribute that is the same.
        close: Label of an attribute that is similar.
        m: Probability of this level for two accounts of one person. 0: as `u`.
        household: The same for two people of one household; None: the level is no evidence.
        is_trained: Whether EM may change `m`.
        frequent: Column for term frequency adjustment: frequent values weigh less.
    """

    condition: str
    same: str = ""
    close: str = ""
    m: float = 0.0
    household: float | None = None
    is_trained: bool = True
    frequent: str | None = None


@dataclass(frozen=True)
class Comparison:
    """An attribute, or several that depend on each other, and its levels, best first."""

    name: str
    unknown: str
    levels: tuple[Level, ...]


_MOBILE, _EMAIL = "mobile_hash_l = mobile_hash_r", "email_hash_l = email_hash_r"

COMPARISONS = (
    Comparison(
        "name",
        "name_key_l is null or name_key_r is null",
        (
            Level(
                "name_key_l = name_key_r", same="name", m=0.90, household=0.003, frequent="name_key"
            ),
            Level(NEAR_NAME, close="name", m=0.09, household=0.1),
            Level("ELSE", m=0.01, household=0.967, is_trained=False),
        ),
    ),
    Comparison(
        "birthday",
        "birthday_l is null or birthday_r is null",
        (
            Level(
                "birthday_l = birthday_r",
                same="birthday",
                m=0.93,
                household=0.02,
                frequent="birthday",
            ),
            Level(NEAR_BIRTHDAY, close="birthday", m=0.04, household=0.01),
            Level("ELSE", m=0.03, household=0.97, is_trained=False),
        ),
    ),
    Comparison(
        "gender",
        "gender_l is null or gender_r is null",
        (
            Level("gender_l = gender_r", same="gender", m=0.98, household=0.5),
            Level("ELSE", m=0.02, household=0.5),
        ),
    ),
    Comparison(
        "contact",
        "(mobile_hash_l is null or mobile_hash_r is null)"
        " and (email_hash_l is null or email_hash_r is null)",
        (
            Level(f"{_MOBILE} and {_EMAIL}", same="mobile, e-mail", m=0.1, is_trained=False),
            Level(_MOBILE, same="mobile", m=0.2, is_trained=False),
            Level(_EMAIL, same="e-mail", m=0.2, is_trained=False),
            Level("ELSE", m=0.5, is_trained=False),
        ),
    ),
    Comparison(
        "register_channel",
        "register_channel_l is null or register_channel_r is null",
        (
            Level("register_channel_l = register_channel_r", same="register channel"),
            Level("ELSE"),
        ),
    ),
)


def by_chance(facts: Facts) -> dict[str, tuple[float, ...]]:
    """Returns the probability u of every level, best first; they add up to 1."""
    same, near = facts.same, facts.near
    mobile, email = same["mobile_hash"], same["email_hash"]
    # Sharing a mobile and a mailbox are correlated: both together are only half as likely as the
    # rarer one.
    both = min(mobile, email) / 2
    exact: dict[str, tuple[float, ...]] = {
        "name": (same["name_key"], near["name"]),
        "birthday": (same["birthday"], near["birthday"]),
        "gender": (same["gender"],),
        "contact": (both, mobile, email),
        "register_channel": (same["register_channel"],),
    }
    return {name: (*chances, 1 - sum(chances)) for name, chances in exact.items()}
