"""Scores pairs of members with Splink.

Fellegi and Sunter, "A Theory for Record Linkage", JASA 64 (1969): an agreeing attribute has the
weight log2(m/u), with m its probability among accounts of one person and u among those of two.
Splink estimates m by EM without labels
(https://moj-analytical-services.github.io/splink/theory.html).
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

_SECOND_ACCOUNTS = 0.001  # prior: one member in a thousand has a second account
_FOUND_SURELY = 0.5  # share of pairs of one person that are `Facts.sure_pairs`
# Both in sure pairs: the minimum for EM, and the weight of the priors.
_TRAINED_FROM, _PRIOR_WORTH = 100, 100
# Pairs of one household for each pair of accounts of one person: parents, children, couples.
_HOUSEHOLD = 5


def score(connection: duckdb.DuckDBPyConnection, facts: Facts, *, least: float) -> pa.Table:
    """Compares the pairs that share a mobile, an e-mail, or a birthday with the initials.

    Args:
        connection: Has the tables of `members.load`.
        facts: The result of `members.load`.
        least: Minimum probability by Splink.

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
            # Rounded, because every new member changes the last digits of all pairs.
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
    """Returns the odds of one person against two strangers (Splink's) or two of one household.

    Fellegi and Sunter assume that attributes agree independently. That fails in families, which
    share mobile, e-mail and name at once (twins the birthday, too), so the household is a second
    alternative with its own probabilities.
    """
    strangers = np.exp2(np.minimum(match_weight, 60))
    household = np.full(len(match_weight), 1 / _HOUSEHOLD)
    for comparison in comparisons:
        # Splink numbers the levels from 0 (ELSE) upwards; -1, the last position, is unknown.
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
        # Needed for the levels (gamma_...), from which household odds and evidence are computed.
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
    """Returns the comparison as Splink settings."""
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
    """Returns COMPARISONS with `m` of the trained levels averaged over the prior and EM.

    EM uses pairs that share a mobile, then pairs that share an e-mail: only there are accounts of
    one person frequent enough. With few sure pairs, it would fit families instead, so the priors
    are used.
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
    # Splink reports a text instead of a number for levels without pairs.
    estimated = [
        m if isinstance(m := at.get("m_probability"), float) and not math.isnan(m) else 0.0
        for at in found
    ]
    mixed = [
        (1 - worth) * before + worth * after if level.is_trained else before
        for level, before, after in zip(levels, prior, estimated, strict=True)
    ]
    free = sum(m for level, m in zip(levels, mixed, strict=True) if level.is_trained)
    room = 1 - sum(m for level, m in zip(levels, mixed, strict=True) if not level.is_trained)
    return tuple(
        replace(level, m=round(m * room / free, 6)) if level.is_trained and free else level
        for level, m in zip(levels, mixed, strict=True)
    )
