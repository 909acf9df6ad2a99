"""Expected value: published parameters, known truth, and what is too little to fit."""

from __future__ import annotations

import csv
import importlib.util
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from onecdp.value import score_customers
from onecdp.value.bg_nbd import BgNbd, Histories, fit_bg_nbd
from onecdp.value.gamma_gamma import GammaGamma, fit_gamma_gamma
from onecdp.value.propensity import fitted_probabilities
from onecdp.value.scores import SCORES

pytest.importorskip("scipy")
pytest.importorskip("sklearn")

NOW = date(2026, 6, 6)


def cdnow(name: str) -> dict[str, np.ndarray]:
    """Columns of the CDNOW sample, which the package `lifetimes` ships; it is not imported."""
    package = importlib.util.find_spec("lifetimes")
    if package is None or package.origin is None:
        pytest.skip("no CDNOW sample: pip install --no-deps lifetimes")
    file = Path(package.origin).parent / "datasets" / name
    rows = list(csv.DictReader(file.open()))
    return {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}


def test_bg_nbd_has_the_published_parameters_of_cdnow() -> None:
    """Fader, Hardie and Lee (2005), table 2, and their example: 1.226 purchases in 39 weeks."""
    sample = cdnow("cdnow_customers_summary.csv")
    model = fit_bg_nbd(Histories(sample["frequency"], sample["recency"], sample["T"]))
    assert model is not None
    assert [round(value, 3) for value in (model.r, model.alpha, model.a, model.b)] == [
        0.243, 4.414, 0.793, 2.426,
    ]  # fmt: skip
    one = Histories(np.array([2.0]), np.array([30.43]), np.array([38.86]))
    assert round(float(model.expected_purchases(one, 39)[0]), 3) == 1.226
    assert round(float(model.probability_alive(one)[0]), 3) == 0.727


def test_gamma_gamma_has_the_published_parameters_of_cdnow() -> None:
    """Fader and Hardie (2013): p 6.25, q 3.74, v 15.44, of the 946 who bought again."""
    sample = cdnow("cdnow_customers_summary_with_transactions.csv")
    again = sample["x"] > 0
    model = fit_gamma_gamma(sample["x"][again], sample["zbar"][again])
    assert again.sum() == 946
    assert model is not None
    assert model.p == pytest.approx(6.25, abs=0.01)
    assert model.q == pytest.approx(3.74, abs=0.01)
    assert model.v == pytest.approx(15.44, abs=0.02)


def simulated(model: BgNbd, customers: int, draw: np.random.Generator) -> list[np.ndarray]:
    """Times of purchase, 0 the first, of customers who live by the model, for 1,000 days."""
    times = []
    for _ in range(customers):
        rate = draw.gamma(model.r, 1 / model.alpha)
        leaves = draw.beta(model.a, model.b)
        count = draw.geometric(leaves)
        waits = draw.exponential(1 / max(rate, 1e-9), size=min(int(count), 2_000))
        times.append(np.concatenate([[0], np.cumsum(waits)]))
    return times


def histories_by(times: list[np.ndarray], day: float) -> Histories:
    known = [each[each <= day] for each in times]
    return Histories(
        np.array([len(each) - 1.0 for each in known]),
        np.array([each[-1] for each in known]),
        np.full(len(known), day),
    )


def test_bg_nbd_finds_the_truth_and_the_purchases_to_come() -> None:
    truth = BgNbd(r=0.8, alpha=20, a=0.9, b=4)
    times = simulated(truth, 20_000, np.random.default_rng(7))
    histories = histories_by(times, 365)
    model = fit_bg_nbd(histories)
    assert model is not None
    assert model.r == pytest.approx(truth.r, rel=0.1)
    assert model.alpha == pytest.approx(truth.alpha, rel=0.1)
    assert model.a / (model.a + model.b) == pytest.approx(truth.a / (truth.a + truth.b), rel=0.1)

    later = histories_by(times, 455)
    bought = later.repeats - histories.repeats
    assert model.expected_purchases(histories, 90).sum() == pytest.approx(bought.sum(), rel=0.03)
    probability = model.probability_of_purchase(histories, 90)
    assert probability.mean() == pytest.approx((bought > 0).mean(), rel=0.03)


def test_expected_purchases_add_up_over_time_and_stay_finite() -> None:
    """Also for someone with thousands of purchases, where the published form overflows."""
    model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
    of = Histories(np.array([0.0, 5, 3_000]), np.array([0.0, 30, 999]), np.array([9.0, 40, 1_000]))
    short, long = model.expected_purchases(of, 1e-6), model.expected_purchases(of, 365)
    rate = (model.r + of.repeats) / (model.alpha + of.age) * model.probability_alive(of)
    assert short / 1e-6 == pytest.approx(rate, rel=1e-3)
    assert np.isfinite(long).all()
    assert (long > model.expected_purchases(of, 90)).all()


def test_expected_purchases_are_those_of_the_published_form() -> None:
    """Equation 10 of the paper, in Euler's transformation, where it is finite."""
    from scipy.special import hyp2f1

    draw = np.random.default_rng(1)
    age = draw.uniform(10, 400, 500)
    of = Histories(draw.integers(0, 40, 500).astype(np.float64), draw.uniform(0, age), age)
    for model in (BgNbd(0.243, 4.414, 0.793, 2.426), BgNbd(0.8, 69, 0.003, 7.3)):
        for time in (1, 39, 365):
            c = model.a + model.b + of.repeats - 1
            share = time / (model.alpha + of.age + time)
            left = (1 - share) ** (model.a - 1) * hyp2f1(
                c - model.r - of.repeats, model.a - 1, c, share
            )
            published = c / (model.a - 1) * (1 - left) * model.probability_alive(of)
            assert model.expected_purchases(of, time) == pytest.approx(published, rel=1e-5)


def test_customers_who_do_not_differ_have_finite_expectations() -> None:
    """Everyone leaves after a purchase with the same probability: a and b grow without end."""
    draw = np.random.default_rng(5)
    times = [np.cumsum([0, *draw.exponential(100, draw.geometric(0.1))]) for _ in range(2_000)]
    histories = histories_by(times, 730)
    model = fit_bg_nbd(histories)
    assert model is not None
    assert model.a / (model.a + model.b) == pytest.approx(0.1, rel=0.1)
    bought = histories_by(times, 1_095).repeats - histories.repeats
    expected = model.expected_purchases(histories, 365)
    assert np.isfinite(expected).all()
    assert expected.sum() == pytest.approx(bought.sum(), rel=0.05)
    extreme = BgNbd(r=3, alpha=1, a=1e5, b=1e5)
    assert np.isfinite(extreme.expected_purchases(histories, 36_500)).all()


def test_spend_is_between_ones_own_and_that_of_all() -> None:
    model = GammaGamma(p=6.25, q=3.74, v=15.44)
    of_all = model.p * model.v / (model.q - 1)
    few, many = model.expected_spend(np.array([1.0, 1_000]), np.array([100.0, 100]))
    assert of_all < few < many < 100
    assert many == pytest.approx(100, rel=0.01)


def test_a_probability_is_calibrated_on_what_it_was_trained_on() -> None:
    draw = np.random.default_rng(7)
    features = draw.normal(size=(5_000, 2))
    bought = draw.random(5_000) < 1 / (1 + np.exp(-features @ [1.0, -2] + 1))
    probability = fitted_probabilities(features, bought, features)
    assert probability.mean() == pytest.approx(bought.mean(), abs=0.005)
    top = probability > 0.8
    assert probability[top].mean() == pytest.approx(bought[top].mean(), abs=0.03)


def shop(customers: int) -> pa.Table:
    """The features of a shop where who bought often buys again."""
    draw = np.random.default_rng(3)
    dates = [NOW - timedelta(days=days) for days in (180, 90, 0)]
    often = draw.integers(1, 9, customers)
    rows = []
    for number, seen_on in enumerate(dates):
        for customer in range(customers):
            days = int(often[customer]) + number
            again = int(draw.random() < often[customer] / 10)
            rows.append(
                {
                    "one_id": f"ONE{customer}",
                    "seen_on": seen_on,
                    "recency_days": int(draw.integers(0, 90)),
                    "age_days": 100 + 90 * number,
                    "purchase_days": days,
                    "revenue": 10.0 * days,
                    "recent_orders": int(draw.integers(0, 2)),
                    "recent_visits": 0,
                    "next_purchase_days": again,
                    "next_revenue": 10.0 * again,
                }
            )
    return pa.Table.from_pylist(rows)


def test_scores_are_those_of_now_and_of_the_hold_out_whatever_the_order_of_the_rows() -> None:
    features = shop(300)
    scores, problem = score_customers(features)
    assert problem is None
    assert scores.schema == SCORES
    assert len(scores) == 600
    assert not any(scores[name].null_count for name in SCORES.names)
    shuffled = features.take(np.random.default_rng(1).permutation(len(features)))
    assert score_customers(shuffled)[0].equals(scores)


def test_the_score_of_the_hold_out_knows_nothing_of_it() -> None:
    """Another outcome of the hold-out period changes the scores of now, not those before it."""
    features = shop(300)
    held_out = np.array([d == NOW - timedelta(days=90) for d in features["seen_on"].to_pylist()])
    bought = np.where(
        held_out, 1 - features["next_purchase_days"].to_numpy(), features["next_purchase_days"]
    )
    place = features.column_names.index("next_purchase_days")
    other = features.set_column(place, "next_purchase_days", pa.array(bought))

    def by_date(table: pa.Table) -> dict[date, list[float]]:
        scores = score_customers(table)[0].to_pylist()
        found: dict[date, list[float]] = {}
        for row in scores:
            found.setdefault(row["seen_on"], []).append(row["purchase_probability"])
        return found

    ours, theirs = by_date(features), by_date(other)
    assert ours[NOW] != theirs[NOW]
    assert ours[NOW - timedelta(days=90)] == theirs[NOW - timedelta(days=90)]


def test_too_few_buyers_have_null_scores_and_a_reason() -> None:
    scores, problem = score_customers(shop(10))
    assert problem == ("10 buyers, 10 of them more than once, are too few; it takes 100 and 25")
    assert scores["expected_purchases"].null_count == len(scores) == 20
    assert score_customers(shop(10).slice(0, 0))[1] == "nobody has bought yet"


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    scores, problem = score_customers(shop(10))
    assert len(scores) == 0
    assert problem == 'sklearn is not installed: pip install "onecdp[value]"'
