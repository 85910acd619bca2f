"""Scores agree with counting by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allears.testing.score import (
    Found,
    match_issue,
    redaction_recall,
    score_detection,
    score_identity,
    verdict_truth,
)
from allears.testing.truth import Planted, Truth

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def planted(name: str, messages: set[str], kind: str = "incident", hours: int = 0) -> Planted:
    began = NOON + timedelta(hours=hours)
    return Planted(
        name, kind, "service", {}, began, began + timedelta(hours=8), None if kind == "decoy" else began + timedelta(hours=20),
        began + timedelta(hours=24), None if kind == "decoy" else True, messages=messages,
    )  # fmt: skip


def found(name: str, signals: list[str], hours: int = 2, kind: str = "issue") -> Found:
    at = NOON + timedelta(hours=hours)
    return Found(name, kind, signals, at - timedelta(hours=1), at + timedelta(hours=1), at)


ids = st.integers(0, 9).map(lambda n: ("email", str(n)))


# A machine under load draws slowly; that says nothing of the scores.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(ids, st.integers(0, 3), min_size=1), st.dictionaries(ids, st.integers(0, 3)), st.sets(ids)
)
def test_pairs_agree_with_counting_them(people, predicted, shared) -> None:
    components = {i: person * 10 + int(i[1]) % 2 for i, person in people.items()}
    truth = Truth(identifiers=people, components=components, shared=shared)
    score = score_identity(predicted, truth)
    judged = [i for i in people if i not in shared]
    claimed = right = same = linkable = got = 0
    for a, b in combinations(judged, 2):
        together = a in predicted and b in predicted and predicted[a] == predicted[b]
        one = people[a] == people[b]
        tied = one and components[a] == components[b]
        claimed, right, same = claimed + together, right + (together and one), same + one
        linkable, got = linkable + tied, got + (tied and together)
    assert (score.predicted_pairs, score.true_pairs) == (claimed, same)
    assert score.precision == (right / claimed if claimed else None)
    assert score.recall == (got / linkable if linkable else None)
    assert score.recall_of_all == (right / same if same else None)


def test_texts_that_are_missing_are_not_judged() -> None:
    truth = Truth(personal={"a:1": [("email", "x@y.z")], "a:2": [("email", "q@y.z")]})
    assert redaction_recall({"a:1": "mail <EMAIL_1>"}, truth) == {"all": 1.0, "email": 1.0}
    assert redaction_recall({}, truth) == {"all": None}


def test_an_issue_matches_what_holds_a_third_of_its_signals() -> None:
    item = planted("late-parcels", {"a:1", "a:2", "a:3"})
    match = match_issue(found("i1", ["a:1", "a:2", "b:1", "b:2", "b:3"]), [item])
    assert match is not None
    assert (match.planted, match.share, match.lead_hours) == ("late-parcels", 0.4, 6.0)
    assert match_issue(found("i2", ["a:1", *(f"b:{n}" for n in range(9))]), [item]) is None
    assert match_issue(found("i3", ["a:1"], hours=90), [item]) is None
    assert match_issue(found("i4", []), [item]) is None


def test_detection_counts_the_missed_the_raised_decoys_and_false_alarms() -> None:
    truth = Truth(
        planted=[planted("one", {"a:1"}), planted("two", {"a:2"}), planted("bots", {"c:1"}, "decoy")]
    )
    score = score_detection(
        [found("late", ["a:1"], 5), found("early", ["a:1"], 1), found("bots", ["c:1"]), found("what", ["z:9"]),
         found("wish", ["z:8"], kind="opportunity")], truth,
    )  # fmt: skip
    assert score.first["one"].issue == "early"
    assert score.missed == ["two"]
    assert score.decoys_raised == ["bots"]
    assert score.false_alarms == ["what"]


def test_what_is_raised_in_a_season_of_more_of_everything_is_that_decoy_raised() -> None:
    season = planted("season", set(), "decoy")
    other = planted("one", {"a:1"})
    inside, outside = found("i", ["z:1"], 3), found("o", ["z:1"], 60)
    score = score_detection([inside, outside, found("real", ["a:1"], 3)], Truth(planted=[season, other]))
    assert score.decoys_raised == ["season"]
    assert score.false_alarms == ["o"]
    assert score.first["one"].issue == "real"


def test_only_what_was_fixed_has_a_verdict() -> None:
    assert verdict_truth(planted("one", set())) == "regained"
    assert verdict_truth(planted("bots", set(), "decoy")) is None
