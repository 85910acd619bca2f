from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.measure.conftest import MONDAY

from allears.errors import Refused
from allears.measure.experience import change, experience

END = MONDAY + timedelta(days=14)


def _rated(scale: str, ratings: list[float], **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "occurred_at": MONDAY + timedelta(hours=i % 100),
            "customer_key": f"c{i}",
            "rating": r,
            "rating_scale": scale,
            **more,
        }
        for i, r in enumerate(ratings)
    ]


def _one(table: Any, **want: Any) -> dict[str, Any]:
    rows = [r for r in table.to_pylist() if all(r[k] == v for k, v in want.items())]
    assert len(rows) == 1, rows
    return rows[0]


def test_every_scale_is_told_in_its_own_unit(signals: Callable[..., Any]) -> None:
    rows = _rated("nps-0-10", [1.0] * 20 + [0.9] * 10 + [0.8] * 10 + [0.6] * 5 + [0.0] * 5)
    rows += _rated("csat-1-5", [0.75] * 30 + [1.0] * 10 + [0.5] * 10)
    rows += _rated("ces-1-7", [4 / 6] * 25 + [0.5] * 25)
    rows += _rated("stars-1-5", [0.75] * 50)
    table = experience(signals(rows), cutoff=END)
    found = {r["name"]: r["estimate"] for r in table.to_pylist()}
    assert found == pytest.approx({"nps": 40.0, "csat": 80.0, "ces": 4.5, "ces_easy": 50.0, "stars": 4.0})
    assert {r["mark"] for r in table.to_pylist()} == {"ok"}
    assert {r["time"] for r in table.to_pylist()} == {MONDAY}


def test_few_answers_are_suppressed_or_marked(signals: Callable[..., Any]) -> None:
    rows = _rated("csat-1-5", [1.0] * 9, channel="chat") + _rated("csat-1-5", [1.0] * 10, channel="email")
    table = experience(signals(rows), by="channel", cutoff=END)
    chat, email = _one(table, group="channel=chat"), _one(table, group="channel=email")
    assert (chat["mark"], chat["estimate"], chat["low"], chat["n"]) == ("suppressed", None, None, 9)
    assert (email["mark"], email["estimate"]) == ("low data", 100.0)


def test_low_data_is_pulled_towards_the_other_groups(signals: Callable[..., Any]) -> None:
    rows = _rated("csat-1-5", [0.0] * 12, region="small")
    for i in range(5):
        rows += _rated("csat-1-5", [1.0] * (160 + i) + [0.0] * (40 - i), region=f"r{i}")
    small = _one(experience(signals(rows), by="region", cutoff=END), group="region=small")
    assert 2 < small["estimate"] < 80 and small["method"].endswith("shrunk")
    assert small["low"] < small["estimate"] < small["high"]


def test_a_customer_who_answers_often_does_not_count_as_many(signals: Callable[..., Any]) -> None:
    alone = _rated("csat-1-5", [1.0, 0.0] * 60)
    often = [{**r, "customer_key": f"c{i // 6 * 2 + i % 2}"} for i, r in enumerate(alone)]
    nobody = [{**r, "customer_key": None} for r in alone]
    wide = {}
    for name, rows in (("alone", alone), ("often", often), ("nobody", nobody)):
        row = _one(experience(signals(rows), every="month", cutoff=END), name="csat")
        wide[name] = row["high"] - row["low"]
        assert row["estimate"] == 50
    assert wide["often"] > 1.5 * wide["alone"]
    assert wide["nobody"] == pytest.approx(wide["alone"])


def test_what_the_company_sent_is_no_opinion(signals: Callable[..., Any]) -> None:
    rows = [
        {
            "occurred_at": MONDAY,
            "customer_key": f"c{i}",
            "sentiment": 0.5,
            "direction": "out" if i % 2 else "in",
        }
        for i in range(80)
    ]
    assert _one(experience(signals(rows), cutoff=END), name="sentiment")["n"] == 40


def test_a_signal_of_two_topics_counts_in_both(signals: Callable[..., Any]) -> None:
    rows = [
        {"occurred_at": MONDAY, "customer_key": f"c{i}", "sentiment": -0.2, "topics": ["late", "price"]}
        for i in range(40)
    ]
    table = experience(signals(rows), by="topic", cutoff=END)
    assert [(r["group"], r["n"]) for r in table.to_pylist()] == [("topic=late", 40), ("topic=price", 40)]
    assert experience(signals(rows), by="topic", keys=["late"], cutoff=END).num_rows == 1


def test_periods_since_and_cutoff_bound_what_counts(signals: Callable[..., Any]) -> None:
    rows = [
        {"occurred_at": MONDAY + timedelta(days=d), "customer_key": f"c{i}", "sentiment": 0.1}
        for d in range(21)
        for i in range(12)
    ]
    table = experience(signals(rows), every="day", since=MONDAY + timedelta(days=3), cutoff=END)
    times = table["time"].to_pylist()
    assert (min(times), max(times), len(times)) == (MONDAY + timedelta(days=3), END - timedelta(days=1), 11)


def test_an_unknown_dimension_or_period_is_refused(signals: Callable[..., Any]) -> None:
    rows = signals(_rated("csat-1-5", [1.0]))
    with pytest.raises(Refused):
        experience(rows, by="age", cutoff=END)
    with pytest.raises(Refused):
        experience(rows, every="fortnight", cutoff=END)


def test_a_small_change_is_called_noise() -> None:
    before = {"name": "nps", "estimate": 30.0, "low": 19.0, "high": 40.0, "n": 200}
    after = {**before, "estimate": 34.0, "low": 23.0, "high": 44.0}
    told = change(before, after)
    assert not told.moved and "noise" in told.sentence
    sure = change({**before, "low": 29.0, "high": 31.0}, {**after, "low": 33.0, "high": 35.0})
    assert not sure.moved, "4 points of NPS are not worth telling, however sure"


def test_two_measures_are_not_compared() -> None:
    row = {"name": "nps", "estimate": 30.0, "low": 19.0, "high": 40.0, "n": 200}
    with pytest.raises(Refused):
        change(row, {**row, "name": "csat"})
    with pytest.raises(Refused):
        change(row, {**row, "estimate": None})
