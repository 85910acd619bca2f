"""The format of our own surveys' answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from allears.listen.formats import FORMATS
from allears.listen.reading import Context

CONTEXT = Context("ask", "survey", datetime(2026, 5, 6, tzinfo=UTC))
GOOD: dict[str, Any] = {
    "response": "ab" * 12, "survey": "nps", "version": "v1", "person": "ask-" + "ab" * 12, "language": "it",
    "answers": [{"question": "recommend", "scale": "nps-0-10", "choice": 9}, {"question": "why", "text": "Tutto bene"}],
}  # fmt: skip


def _read(*responses: dict[str, Any]) -> list[dict[str, Any]]:
    body = b"\n".join(msgspec.json.encode(r) for r in responses)
    assert FORMATS["answers"].check(body, CONTEXT).accepted == len(responses)
    rows: list[dict[str, Any]] = FORMATS["answers"].read(body, CONTEXT).arrivals.to_pylist()
    return rows


def test_a_rating_and_its_reason_are_one_signal() -> None:
    [row] = _read(GOOD)
    assert (row["kind"], row["channel"], row["name"]) == ("feedback", "survey", "nps.recommend")
    assert (row["rating"], row["rating_scale"], row["text"]) == (0.9, "nps-0-10", "Tutto bene")
    assert row["identifiers"] == [{"type": "anonymous_id", "value": "ask-" + "ab" * 12}]
    assert row["thread"] == "ab" * 12
    assert msgspec.json.decode(row["properties"])["open_question"] == "why"


def test_four_items_are_four_signals_of_one_response() -> None:
    items = ("humanity", "transparency", "capability", "reliability")
    answers = [
        {"question": q, "scale": "trustid-1-7", "choice": c} for q, c in zip(items, (7, 4, 1, 6), strict=True)
    ]
    rows = _read(GOOD | {"survey": "trustid", "answers": answers})
    assert [r["name"] for r in rows] == [f"trustid.{q}" for q in items]
    assert [r["rating"] for r in rows] == [1.0, 0.5, 0.0, pytest.approx(5 / 6)]
    assert len({r["signal_id"] for r in rows}) == 4 and len({r["thread"] for r in rows}) == 1


def test_words_alone_are_a_signal_and_nobody_stays_nobody() -> None:
    [row] = _read(
        {k: v for k, v in GOOD.items() if k != "person"} | {"answers": [{"question": "why", "text": "So."}]}
    )
    assert row["text"] == "So." and row["rating"] is None and row["identifiers"] == []


def test_the_same_response_has_the_same_signal_ids() -> None:
    again = GOOD | {"answers": [{"question": "recommend", "scale": "nps-0-10", "choice": 2}]}
    assert _read(GOOD)[0]["signal_id"] == _read(again)[0]["signal_id"]


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ({"question": "q", "scale": "nps-0-10", "choice": 11}, "$.answers[0].choice"),
        ({"question": "q", "scale": "nps-0-10"}, "$.answers[0].choice"),
        ({"question": "q", "scale": "nps-0-10", "choice": "9"}, "$.answers[0].choice"),
        ({"question": "q", "scale": "made-up", "choice": 1}, "$.answers[0].scale"),
        ({"question": "q", "text": "  "}, "$.answers[0].text"),
        ({"question": "q", "text": "x" * 4_001}, "$.answers[0].text"),
        ({"question": "", "text": "x"}, "$.answers[0].question"),
    ],
)
def test_a_bad_answer_is_refused_with_its_place_and_costs_its_neighbour_nothing(
    answer: dict[str, Any], place: str
) -> None:
    body = b"[" + msgspec.json.encode(GOOD | {"answers": [answer]}) + b"," + msgspec.json.encode(GOOD) + b"]"
    checked = FORMATS["answers"].check(body, CONTEXT)
    assert checked.accepted == 1
    assert [r.place for r in checked.refused] == [place.replace("$", "$[0]", 1)]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 5_000])
def test_no_bytes_break_it(body: bytes) -> None:
    assert FORMATS["answers"].check(body, CONTEXT).accepted == 0
    assert FORMATS["answers"].read(body, CONTEXT).arrivals.num_rows == 0


def test_a_yes_or_a_no_to_a_use_is_a_consent_event_of_whoever_was_asked() -> None:
    answers = [{"question": "offers", "consent": "marketing", "said": True}, {"question": "study", "consent": "research", "said": False}]  # fmt: skip
    rows = _read(GOOD | {"answers": answers})
    assert [(r["kind"], r["name"], r["text"]) for r in rows] == [
        ("event", "consent nps.offers", None), ("event", "consent nps.study", None),
    ]  # fmt: skip
    told = [msgspec.json.decode(r["properties"])["consent"] for r in rows]
    assert told == [{"marketing": "given", "version": "nps v1"}, {"research": "refused", "version": "nps v1"}]
    assert all(r["identifiers"] == [{"type": "anonymous_id", "value": GOOD["person"]}] for r in rows)
    stranger = {k: v for k, v in GOOD.items() if k != "person"} | {"answers": answers}
    assert _read(stranger) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"consent": "fun", "said": True},
        {"consent": "marketing"},
        {"said": True},
        {"consent": "marketing", "said": True, "text": "and more"},
        {"consent": "marketing", "said": "yes"},
    ],
)
def test_half_a_consent_is_refused(wrong: dict[str, Any]) -> None:
    body = msgspec.json.encode(GOOD | {"answers": [{"question": "offers"} | wrong]})
    checked = FORMATS["answers"].check(body, CONTEXT)
    assert (checked.accepted, len(checked.refused)) == (0, 1)
