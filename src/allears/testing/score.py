"""Comparing what was found with what was planted. Pure functions: nothing here looks at a space."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from allears.testing.truth import Identifier, Planted, Truth

SHARE = 0.3
SLACK = timedelta(hours=12)


@dataclass(frozen=True)
class Pairs:
    """Pairwise precision and recall; None where there was nothing to judge.

    ``recall`` counts the pairs that structured fields tie together, ``recall_of_all`` every pair of one person's
    identifiers, those included that nobody could link.
    """

    precision: float | None
    recall: float | None
    recall_of_all: float | None
    predicted_pairs: int
    true_pairs: int


@dataclass(frozen=True)
class Found:
    """An issue as the scores see it."""

    issue: str
    kind: str
    signal_ids: Sequence[str]
    first_signal_at: datetime
    last_signal_at: datetime
    detected_at: datetime


@dataclass(frozen=True)
class Match:
    """Which planted thing an issue is about, and how long before its peak it was raised (hours)."""

    issue: str
    planted: str
    kind: str
    share: float
    detected_at: datetime
    lead_hours: float


def score_identity(predicted: Mapping[Identifier, Hashable], truth: Truth) -> Pairs:
    """Compare predicted customers with the people behind the identifiers.

    Identifiers that several people use, or that say nothing, count neither way. An identifier without a prediction
    is a customer of its own.

    Parameters
    ----------
    predicted
        ``(type, raw value)`` -> predicted customer.
    truth
        The town's.

    Examples
    --------
    >>> a, b, c = ("email", "a"), ("phone", "1"), ("email", "c")
    >>> truth = Truth(identifiers={a: 1, b: 1, c: 2}, components={a: 1, b: 1, c: 2})
    >>> found = score_identity({a: "x", b: "x", c: "x"}, truth)
    >>> round(found.precision, 2), found.recall
    (0.33, 1.0)
    """
    judged = [i for i in truth.identifiers if i not in truth.shared]
    person = [truth.identifiers[i] for i in judged]
    customer: list[Hashable] = [predicted.get(i, ("alone", i)) for i in judged]
    part = [(truth.identifiers[i], truth.components.get(i, ("alone", i))) for i in judged]
    claimed, same = _pairs(customer), _pairs(person)
    linkable = _pairs(part)
    right = _pairs(list(zip(customer, person, strict=True)))
    right_linkable = _pairs(list(zip(customer, part, strict=True)))
    return Pairs(_ratio(right, claimed), _ratio(right_linkable, linkable), _ratio(right, same), claimed, same)


def redaction_recall(texts: Mapping[str, str], truth: Truth) -> dict[str, float | None]:
    """Share of personal strings that are gone from the redacted texts, over all and by type.

    Parameters
    ----------
    texts
        Signal id -> redacted text; messages that are not here are not judged.

    Examples
    --------
    >>> truth = Truth(personal={"chat:1": [("phone", "07400 123456"), ("name", "Ada")]})
    >>> redaction_recall({"chat:1": "call <PHONE_1>, Ada"}, truth)
    {'all': 0.5, 'name': 0.0, 'phone': 1.0}
    """
    total: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for key, told in truth.personal.items():
        if (text := texts.get(key)) is None:
            continue
        for kind, value in told:
            hidden = value not in text
            for name in ("all", kind):
                total[name] += 1
                gone[name] += hidden
    return {name: _ratio(gone[name], total[name]) for name in ("all", *sorted(set(total) - {"all"}))}


def match_issue(found: Found, planted: Sequence[Planted]) -> Match | None:
    """Find what an issue is about.

    It matches the planted thing that holds most of its signals, if that is at least 30 % of them or more than the
    rest of the planted things together and at least a fifth, and if their times overlap. A decoy without messages of
    its own, such as a season in which there is more of everything, is matched by what is raised in its days and is
    about nothing else.
    """
    signals = set(found.signal_ids)
    if not signals:
        return None
    shares = [
        (len(signals & (item.messages | item.telemetry)) / len(signals), item)
        for item in planted
        if _overlap(found, item)
    ]
    share, item = max(shares, key=lambda pair: pair[0], default=(0.0, None))
    others = sum(other for other, _ in shares) - share
    if item is None or not (share >= SHARE or (share >= 0.2 and share > others and share > 0)):
        item, share = _quiet(found, planted), 0.0
    if item is None:
        return None
    lead = (item.peak_at - found.detected_at).total_seconds() / 3600
    return Match(found.issue, item.name, item.kind, share, found.detected_at, lead)


@dataclass(frozen=True)
class Detection:
    """What was found of what was planted.

    Attributes
    ----------
    first
        The earliest matching issue of each planted thing that was found.
    missed
        Incidents and opportunities that no issue matches.
    decoys_raised
        Decoys that some issue of the kind issue matches.
    false_alarms
        Issues of the kind issue that match nothing.
    """

    first: dict[str, Match]
    missed: list[str]
    decoys_raised: list[str]
    false_alarms: list[str]
    matches: list[Match]


def score_detection(found: Iterable[Found], truth: Truth) -> Detection:
    """Match all issues with all planted things."""
    issues = sorted(found, key=lambda issue: issue.detected_at)
    matches: list[Match] = []
    false_alarms: list[str] = []
    raised: list[str] = []
    for issue in issues:
        match = match_issue(issue, truth.planted)
        if match is None:
            if issue.kind == "issue":
                false_alarms.append(issue.issue)
            continue
        matches.append(match)
        if match.kind == "decoy" and issue.kind == "issue":
            raised.append(match.planted)
    first: dict[str, Match] = {}
    for match in matches:
        first.setdefault(match.planted, match)
    missed = [p.name for p in truth.planted if p.kind != "decoy" and p.name not in first]
    return Detection(first, missed, list(dict.fromkeys(raised)), false_alarms, matches)


def verdict_truth(planted: Planted) -> str | None:
    """Say what a right verdict is: regained or not regained; None for what has no fix."""
    if planted.recovered is None:
        return None
    return "regained" if planted.recovered else "not regained"


def _overlap(found: Found, item: Planted) -> bool:
    return found.first_signal_at <= item.ended_at + SLACK and found.last_signal_at >= item.began_at - SLACK


def _quiet(found: Found, planted: Sequence[Planted]) -> Planted | None:
    silent = (item for item in planted if not item.messages and not item.telemetry)
    return next((item for item in silent if item.began_at <= found.detected_at <= item.ended_at), None)


def _pairs(groups: Iterable[Hashable]) -> int:
    return sum(n * (n - 1) // 2 for n in Counter(groups).values())


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
