"""The shapes that scripts rely on, as they are documented: keys and what each holds. More keys are welcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any

NUMBER, MAYBE = (int, float), type(None)
TIME = "time"
"""In JSON a text that says a moment with its zone, in Python a moment."""

STATUS = {
    "accepted": int,
    "stored": int,
    "duplicates": int,
    "refused": int,
    "pending": int,
    "sources": list,
    "contract": list,
}
RECEIPT = {"accepted": int, "duplicates": int, "refused": int, "source": str, "mapping": dict}
REFUSED = {"source": str, "place": str, "reason": str, "received_at": TIME}
ISSUE = {
    "id": str,
    "title": str,
    "kind": str,
    "first_signal_at": TIME,
    "detected_at": TIME,
    "signals": int,
    "customers": int,
    "department": str,
    "score": NUMBER,
    "state": str,
    "exemplars": list,
}
TRUST = {
    "group": (str, MAYBE),
    "time": TIME,
    "part": str,
    "estimate": (*NUMBER, MAYBE),
    "low": (*NUMBER, MAYBE),
    "high": (*NUMBER, MAYBE),
    "n": NUMBER,
}
BENCH = {
    "measure": str,
    "data": str,
    "figure": NUMBER,
    "unit": str,
    "low": (*NUMBER, MAYBE),
    "high": (*NUMBER, MAYBE),
    "reference": (*NUMBER, str, MAYBE),
    "source": str,
    "machine": str,
}
DEMO = {
    "seed": int,
    "planted": list,
    "found": list,
    "decoys_raised": list,
    "false_alarms_per_week": NUMBER,
    "identity": dict,
    "redaction": dict,
    "verdicts": list,
    "seconds": NUMBER,
}
PLANTED = {"name": str, "kind": str, "began_at": TIME, "peak_at": TIME, "fixed_at": (TIME, MAYBE)}
FOUND = {"planted": str, "issue": str, "detected_at": TIME, "lead_hours": NUMBER}
VERDICT = {"planted": str, "said": str, "truth": str}


def check(row: dict[str, Any], shape: dict[str, Any]) -> None:
    """Insist that every documented key is there and holds what it should."""
    for key, expected in shape.items():
        assert key in row, f"{key} is missing from {sorted(row)}"
        kinds = expected if isinstance(expected, tuple) else (expected,)
        assert any(_holds(row[key], kind) for kind in kinds), (key, row[key])


def check_demo(outcome: dict[str, Any]) -> None:
    """Insist on the shape of ``demo --json``, the lists in it included."""
    check(outcome, DEMO)
    assert outcome["planted"] and outcome["found"]
    for name, shape in (("planted", PLANTED), ("found", FOUND), ("verdicts", VERDICT)):
        for row in outcome[name]:
            check(row, shape)
    assert {row["kind"] for row in outcome["planted"]} == {"incident", "opportunity", "decoy"}
    check(outcome["identity"], {"precision": NUMBER, "recall": NUMBER})
    check(outcome["redaction"], {"recall": NUMBER})


def _holds(value: Any, kind: Any) -> bool:
    if kind is TIME:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return isinstance(moment, datetime) and moment.tzinfo is not None
    return isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)
