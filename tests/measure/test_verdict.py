from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from allears.measure.days import Days
from allears.measure.evidence import Evidence, behavioural, closing
from allears.measure.panel import PANEL
from allears.measure.verdict import judge, margin, verdict
from allears.tables.outcomes import VERDICTS


def _said(panel: pa.Table, when: dict[str, Any]) -> dict[str, dict[str, Any]]:
    table = verdict(panel, issue="i-1", **when)
    assert table.schema.equals(VERDICTS.schema)
    return {r["part"]: r for r in table.to_pylist()}


def _evidence(**more: Any) -> Evidence:
    base: dict[str, Any] = {
        "damage": (-40.0, -50.0, -30.0), "damage_error": 5.0, "gap": (-1.0, -5.0, 3.0),
        "windows": ((-2.0, -7.0, 3.0), (0.0, -6.0, 6.0)), "window_error": 3.0, "window_days": 14,
        "leads_p": 0.5, "n": 400, "peers": 2000, "method": "m",
    }  # fmt: skip
    return Evidence(**{**base, **more})


def test_without_an_incident_nothing_is_said(bench: ModuleType) -> None:
    shown = 0
    for seed in range(40):
        rows = _said(*bench.simulate(seed, customers=3000, exposed=250))
        assert rows["both"]["said"] == "cannot tell"
        shown += rows["behavioural"]["damage_high"] < 0
    assert shown <= 4  # 2.5 % are due


def test_damage_that_stays_is_never_called_regained(bench: ModuleType) -> None:
    said = [
        _said(*bench.simulate(s, customers=3000, exposed=250, drop=0.45, said_drop=20))["both"]["said"]
        for s in range(15)
    ]
    assert "regained" not in said
    assert said.count("not regained") >= 12


def test_what_came_back_is_mostly_seen_and_never_the_reverse(bench: ModuleType) -> None:
    did, life = [], []
    for seed in range(8):
        row = _said(
            *bench.simulate(seed, customers=4000, exposed=800, days=110, rate=0.3, drop=0.55, half_life=4)
        )["behavioural"]
        did.append(row["said"])
        life.append("halves" in row["why"])
    assert did.count("regained") >= 7 and "not regained" not in did
    assert sum(life) >= 6


def test_damage_is_given_back_without_bias_and_covered(bench: ModuleType) -> None:
    held, estimates = 0, []
    for seed in range(40):
        row = _said(*bench.simulate(seed, customers=3000, exposed=250, drop=0.4))["behavioural"]
        held += row["damage_low"] <= -40 <= row["damage_high"]
        estimates.append(row["damage"])
    assert held >= 35
    assert np.mean(estimates) == pytest.approx(-40, abs=4)


def test_words_alone_are_no_proof(bench: ModuleType) -> None:
    # Ten times the answers: what is said settles; what is done stays down.
    rows = _said(*bench.simulate(1, exposed=800, customers=8000, drop=0.5, said_drop=0, answers=0.06))
    assert rows["both"]["said"] == "not regained"
    rows = _said(
        *bench.simulate(2, exposed=800, customers=8000, drop=0.0, said_drop=25, half_life=2, answers=0.08)
    )
    assert rows["stated"]["said"] == "regained"
    assert rows["both"]["said"] == "cannot tell" and "words alone" in rows["both"]["why"]


def test_both_parts_back_is_regained(bench: ModuleType) -> None:
    rows = _said(
        *bench.simulate(
            3,
            exposed=800,
            customers=4000,
            days=110,
            rate=0.3,
            drop=0.55,
            said_drop=25,
            half_life=4,
            answers=0.06,
        )
    )
    assert {part: r["said"] for part, r in rows.items()} == {
        "stated": "regained", "behavioural": "regained", "both": "regained",
    }  # fmt: skip


def test_groups_that_moved_apart_before_do_not_compare(bench: ModuleType) -> None:
    panel, when = bench.simulate(4, exposed=400)
    day = panel["day"].cast(pa.int32()).to_numpy()
    began = int(when["began_at"].timestamp() // 86_400)
    fade = (
        panel["exposed"].to_numpy(zero_copy_only=False)
        & (panel["what"].to_numpy() == "activity")
        & (day > began - 10)
    )
    panel = panel.filter(pa.array(~(fade & (np.arange(len(day)) % 2 == 0))))
    row = _said(panel, when)["behavioural"]
    assert row["said"] == "cannot tell" and "moved apart" in row["why"]


def test_not_fixed_yet_is_no_verdict(bench: ModuleType) -> None:
    panel, when = bench.simulate(5, drop=0.5, said_drop=25)
    row = _said(panel, {**when, "fixed_at": None})["behavioural"]
    assert row["said"] == "cannot tell" and "Not fixed yet" in row["why"] and row["damage_high"] < 0


def test_too_soon_is_no_verdict(bench: ModuleType) -> None:
    panel, when = bench.simulate(6, drop=0.5, said_drop=25)
    rows = _said(panel, {**when, "cutoff": when["fixed_at"] + timedelta(days=15)})
    assert rows["behavioural"]["said"] == "cannot tell" and rows["behavioural"]["needs"]
    assert rows["behavioural"]["gap"] is None and "must pass" in rows["behavioural"]["why"]


def test_when_all_were_hit_a_long_series_decides_and_a_short_one_does_not(bench: ModuleType) -> None:
    def everyone(seed: int, **more: Any) -> tuple[pa.Table, dict[str, Any]]:
        panel, when = bench.simulate(seed, exposed=10**6, **more)
        hit = pc.and_(panel["exposed"], pc.is_valid(panel["customer"]))
        return panel.filter(pc.or_(hit, pc.is_null(panel["customer"]))), when

    short = _said(*everyone(7, began=45))["behavioural"]
    assert short["said"] == "cannot tell" and "60 days" in short["why"] and short["needs"] == 15


def test_a_long_interrupted_series_shows_lasting_damage() -> None:
    rng = np.random.default_rng(0)
    days = np.arange(160)
    n = rng.poisson(np.where(days > 100, 120, 300) * (1 + 0.1 * (days % 7 == 0)))
    panel = pa.concat_tables(
        [
            pa.table(
                {
                    "customer": pa.nulls(160, pa.string()), "exposed": [False] * 160,
                    "day": pa.array(days + 20_000, pa.int32()).cast(pa.date32()), "what": ["activity"] * 160,
                    "n": n, "total": n.astype(float),
                },
                schema=PANEL,
            ),
            pa.table(
                {
                    "customer": [f"c{i}" for i in range(40)], "exposed": [True] * 40,
                    "day": pa.array([20_000] * 40, pa.int32()).cast(pa.date32()), "what": ["activity"] * 40,
                    "n": [1] * 40, "total": [1.0] * 40,
                },
                schema=PANEL,
            ),
        ]
    )  # fmt: skip
    at = datetime.fromtimestamp((20_000 + 101) * 86_400, UTC)
    rows = _said(panel, {"began_at": at, "fixed_at": at, "cutoff": at + timedelta(days=59)})
    assert rows["behavioural"]["said"] == "not regained" and "interrupted" in rows["behavioural"]["method"]
    assert rows["behavioural"]["damage"] == pytest.approx(-60, abs=8)
    assert rows["stated"]["said"] == "cannot tell"


def test_an_empty_panel_is_no_verdict(bench: ModuleType) -> None:
    _, when = bench.simulate(0, customers=50)
    rows = _said(PANEL.empty_table(), when)
    assert {r["said"] for r in rows.values()} == {"cannot tell"}


def test_the_margin_is_a_quarter_of_the_damage_and_two_points_at_least() -> None:
    assert margin(_evidence()) == 10
    assert margin(_evidence(damage=(-4.0, -6.0, -2.0))) == 2


def test_absence_of_significance_is_not_recovery() -> None:
    wide = _evidence(
        gap=(-6.0, -20.0, 8.0), windows=((-6.0, -25.0, 13.0), (-6.0, -25.0, 13.0)), window_error=11.0
    )
    said = judge("behavioural", wide)
    assert said.said == "cannot tell" and said.needs and said.needs > 400


def test_one_good_window_is_not_enough() -> None:
    first_bad = _evidence(gap=(-6.0, -9.0, -3.0), windows=((-12.0, -16.0, -8.0), (0.0, -4.0, 4.0)))
    assert judge("behavioural", first_bad).said == "cannot tell"
    assert judge("behavioural", _evidence()).said == "regained"


def test_a_gap_that_closes_is_not_called_open_for_its_past() -> None:
    closing_gap = _evidence(gap=(-12.0, -16.0, -8.0), windows=((-22.0, -27.0, -17.0), (-2.0, -7.0, 3.0)))
    assert judge("behavioural", closing_gap).said == "cannot tell"
    open_gap = _evidence(gap=(-16.0, -20.0, -12.0), windows=((-18.0, -23.0, -13.0), (-14.0, -19.0, -9.0)))
    assert judge("behavioural", open_gap).said == "not regained"


def test_at_the_edge_of_the_margin_either_verdict_is_rare() -> None:
    rng = np.random.default_rng(0)
    said = []
    for inside in (1.0, 0.99):
        for _ in range(400):
            first, last = (float(x) for x in -10 * inside + rng.normal(0, 2.8, 2))
            both = (first + last) / 2
            windows = tuple((w, w - 1.645 * 2.8, w + 1.645 * 2.8) for w in (first, last))
            gap = (both, both - 1.645 * 2.0, both + 1.645 * 2.0)
            said.append(judge("behavioural", _evidence(gap=gap, windows=windows)).said)
    # The gap equals the margin: 5 % either way are due at most.
    assert said.count("not regained") <= 0.07 * len(said)
    assert said.count("regained") <= 0.07 * len(said)


def test_rare_customers_do_not_make_regulars_look_recovered() -> None:
    # Regulars met it, and nothing came of it. Most others come once a quarter: chosen for having been seen before the
    # start, they would seem to lose interest afterwards, and the regulars to gain.
    began, days, gaps = 40, 90, []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        rate = np.where(np.arange(6000) < 600, 0.3, 0.012)
        who, day = np.nonzero(rng.poisson(rate[:, None], (6000, days)))
        exposed = who < 300
        known = np.isin(who, who[day < began]) & ~((day == began) & exposed)
        who, day, exposed = (c[known] for c in (who, day, exposed))
        n = np.ones(2 * len(who))
        panel = pa.table(
            {
                "customer": [f"c{i}" for i in (*who, *who)], "exposed": [*exposed, *exposed],
                "day": pa.array([*(day + 20_000), *(day + 20_000)], pa.int32()).cast(pa.date32()),
                "what": ["activity"] * len(who) + ["seen"] * len(who), "n": n.astype(int), "total": n,
            },
            schema=PANEL,
        )  # fmt: skip
        at = datetime.fromtimestamp((20_000 + began) * 86_400, UTC)
        found = behavioural(Days(panel, at, at, at + timedelta(days=days - began)), "activity", 21)
        assert found.gap is not None
        gaps.append(found.gap[0])
    assert abs(np.mean(gaps)) < 4


def test_a_half_life_is_given_back_and_a_level_gap_has_none() -> None:
    t = np.arange(3, 45, 7)
    assert closing(t, -0.9 * 2.0 ** (-t / 6), np.full(len(t), 0.05)) == pytest.approx(6, abs=0.5)
    assert closing(t, np.full(len(t), -0.5), np.full(len(t), 0.05)) is None
