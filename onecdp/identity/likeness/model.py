"""How pairs of members are compared, weighed and scored, with Splink.

Fellegi and Sunter, "A Theory for Record Linkage", JASA 64 (1969): each attribute that agrees is
worth log2(m/u), m its chance among accounts of one person, u among those of two. Splink trains m
by EM without labels (https://moj-analytical-services.github.io/splink/theory.html).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from onecdp.identity.likeness.comparisons import COMPARISONS, Comparison, Level, by_chance
from onecdp.identity.likeness.members import Facts

Floats = npt.NDArray[np.float64]

_SECOND_ACCOUNTS = 0.001  # prior: one member in a thousand has one
_FOUND_SURELY = 0.5  # of such pairs: one mobile or e-mail, name and birthday to the letter
_TRAINED_FROM, _PRIOR_WORTH = 100, 100  # sure pairs
# Pairs of one household for each pair of accounts of one person: parents, children, couples.
_HOUSEHOLD = 5


def score(connection: duckdb.DuckDBPyConnection, facts: Facts, *, least: float) -> pa.Table:
    """Compares the pairs that share a mobile, an e-mail, or a birthday with the initials.

    Args:
        connection: Has what `probabilistic_members.load` wrote.
        facts: What it counted.
        least: Pairs that Splink gives less are left out.

    Returns:
        left_id_type, left_id_value, right_id_type, right_id_value, probability, match_weight,
        evidence; sorted by the two values.
    """
    comparisons = _trained(connection, facts)
    linker = _linker(connection, facts, comparisons)
    predicted = linker.inference.predict(threshold_match_probability=least)
    gammas = ", ".join(f"gamma_{comparison.name}" for comparison in comparisons)
    pairs = connection.execute(
        "select least(member_id_l, member_id_r) as left_id_value,"
        " greatest(member_id_l, member_id_r) as right_id_value,"
        f" match_weight, {gammas} from {predicted.physical_name} order by all"
    ).to_arrow_table()
    levels = {
        comparison.name: pairs[f"gamma_{comparison.name}"].to_numpy() for comparison in comparisons
    }
    odds = _odds(pairs["match_weight"].to_numpy(), comparisons, levels)
    member_id = pa.array(["member_id"] * len(pairs), pa.string())
    return pa.table(
        {
            "left_id_type": member_id,
            "left_id_value": pairs["left_id_value"],
            "right_id_type": member_id,
            "right_id_value": pairs["right_id_value"],
            # So that a new member, who moves the last digits of all, changes few rows.
            "probability": np.round(odds / (1 + odds), 4),
            "match_weight": np.round(np.log2(odds), 2),
            "evidence": pa.array(_evidence(comparisons, levels, len(pairs)), pa.string()),
        }
    )


def _odds(
    match_weight: Floats,
    comparisons: tuple[Comparison, ...],
    levels: dict[str, npt.NDArray[np.int64]],
) -> Floats:
    """The odds of one person against two strangers (Splink's) and two of one household.

    Between strangers every agreement is a coincidence of its own. A family shares mobile, e-mail
    and name, and twins the birthday, all at once: Fellegi and Sunter's independence fails there,
    and the family is weighed as a second way of being two.
    """
    strangers = np.exp2(np.minimum(match_weight, 60))
    household = np.full(len(match_weight), 1 / _HOUSEHOLD)
    for comparison in comparisons:
        # Splink numbers the levels from 0 for ELSE; -1, the last place here, is unknown.
        rising = [
            level.m / level.household if level.household else 1.0
            for level in reversed(comparison.levels)
        ]
        household *= np.array([*rising, 1.0])[levels[comparison.name]]
    return 1 / (1 / strangers + 1 / household)


def _evidence(
    comparisons: tuple[Comparison, ...], levels: dict[str, npt.NDArray[np.int64]], count: int
) -> list[str]:
    texts = []
    for row in range(count):
        words: dict[str, list[str]] = {"same": [], "similar": [], "different": [], "unknown": []}
        for comparison in comparisons:
            number = int(levels[comparison.name][row])
            level = comparison.levels[-1 - number] if number >= 0 else None
            name = comparison.name.replace("_", " ")
            if level is None:
                words["unknown"].append(name)
            elif level.same:
                words["same"].append(level.same)
            elif level.close:
                words["similar"].append(level.close)
            else:
                words["different"].append(name)
        texts.append("; ".join(f"{kind}: {', '.join(w)}" for kind, w in words.items() if w))
    return texts


def _linker(
    connection: duckdb.DuckDBPyConnection, facts: Facts, comparisons: tuple[Comparison, ...]
) -> Any:
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    all_pairs = facts.members * (facts.members - 1) / 2
    of_one = facts.sure_pairs["any"] / _FOUND_SURELY + _SECOND_ACCOUNTS * facts.members
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="member_id",
        comparisons=[_described(comparison, facts) for comparison in comparisons],
        blocking_rules_to_generate_predictions=[
            block_on("mobile_hash"),
            block_on("email_hash"),
            block_on("birthday_initials"),
        ],
        probability_two_random_records_match=min(of_one / all_pairs, 0.01),
        # With them come the levels (gamma_...), which the household and the evidence are read from.
        retain_matching_columns=True,
    )
    linker = Linker(
        "members", settings, DuckDBAPI(connection=connection), set_up_basic_logging=False
    )
    tables: Any = linker.table_management
    for column in ("name_key", "birthday"):
        tables.register_term_frequency_lookup(
            connection.table(f"tf_{column}").to_arrow_table(), column
        )
    return linker


def _described(comparison: Comparison, facts: Facts) -> dict[str, Any]:
    """The comparison as Splink's settings describe it."""
    chances = by_chance(facts)[comparison.name]
    levels: list[dict[str, Any]] = [
        {
            "sql_condition": comparison.unknown,
            "label_for_charts": "unknown",
            "is_null_level": True,
        }
    ]
    for level, u in zip(comparison.levels, chances, strict=True):
        described = {
            "sql_condition": level.condition,
            "label_for_charts": level.same or level.close or "else",
            "m_probability": level.m or u,
            "u_probability": u,
            "fix_m_probability": not level.is_trained,
            "fix_u_probability": True,
        }
        if level.frequent:
            described["tf_adjustment_column"] = level.frequent
        levels.append(described)
    return {"output_column_name": comparison.name, "comparison_levels": levels}


def _trained(connection: duckdb.DuckDBPyConnection, facts: Facts) -> tuple[Comparison, ...]:
    """COMPARISONS with `m` of the trained levels drawn from the prior towards what EM finds.

    EM looks at pairs that share a mobile, then at those that share an e-mail: only there are
    accounts of one person common enough to be told from others. With few sure pairs there, it
    would fit the families instead, so that the priors stand.
    """
    from splink import block_on

    columns = [
        column
        for column in ("mobile_hash", "email_hash")
        if facts.sure_pairs[column] >= _TRAINED_FROM
    ]
    if not columns:
        return COMPARISONS
    linker = _linker(connection, facts, COMPARISONS)
    for column in columns:
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(column), estimate_without_term_frequencies=True
        )
    found = {
        comparison["output_column_name"]: comparison["comparison_levels"][1:]
        for comparison in linker.misc.save_model_to_json()["comparisons"]
    }
    chances = by_chance(facts)
    worth = facts.sure_pairs["any"] / (facts.sure_pairs["any"] + _PRIOR_WORTH)
    return tuple(
        replace(
            comparison,
            levels=_blended(
                comparison.levels, found[comparison.name], chances[comparison.name], worth
            ),
        )
        for comparison in COMPARISONS
    )


def _blended(
    levels: tuple[Level, ...],
    found: list[dict[str, Any]],
    chances: tuple[float, ...],
    worth: float,
) -> tuple[Level, ...]:
    prior = [level.m or u for level, u in zip(levels, chances, strict=True)]
    # A level that no pair is at has words in the place of a number.
    learnt = [
        m if isinstance(m := at.get("m_probability"), float) and not math.isnan(m) else 0.0
        for at in found
    ]
    mixed = [
        (1 - worth) * before + worth * after if level.is_trained else before
        for level, before, after in zip(levels, prior, learnt, strict=True)
    ]
    free = sum(m for level, m in zip(levels, mixed, strict=True) if level.is_trained)
    room = 1 - sum(m for level, m in zip(levels, mixed, strict=True) if not level.is_trained)
    return tuple(
        replace(level, m=round(m * room / free, 6)) if level.is_trained and free else level
        for level, m in zip(levels, mixed, strict=True)
    )
