"""What is in hand with one customer: conversations, promises, cases, what was sent to them, segments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from allears.act.case import cases
from allears.act.invite import invitations_of
from allears.act.moves import moves
from allears.guard.sight import EVERY, Condition
from allears.journey.cutoff import cutoff
from allears.journey.ground import Ground
from allears.journey.promises import followed
from allears.journey.questions import of_keys
from allears.know.stays import segments_of

MOST_MESSAGES = 5_000
CONVERSATIONS = 30
MESSAGE = [
    "signal_id",
    "source",
    "channel",
    "thread",
    "direction",
    "customer_key",
    "occurred_at",
    "text",
    "sentiment",
]
Row = dict[str, Any]


def dealings(
    ground: Ground, customer: str, keys: Sequence[str], held: pa.Table | None = None, seen: Condition = EVERY
) -> dict[str, Any]:
    """Gather what is in hand with one customer, told from the signals that may be ``seen``.

    Parameters
    ----------
    held
        Those of their signals that may be seen, newest first, where they were read already.

    Returns
    -------
    dict
        ``conversations`` (the newest), ``promises``, ``cases``, ``sent`` and ``segments``, each newest first.
    """
    rows = (_messages(ground, keys, seen) if held is None else _held_messages(held)).to_pylist()
    wrote = [r for r in rows if r["direction"] == "out" and r["text"] is not None]
    with ground.desk.reading() as session:
        invited = invitations_of(session, ground.graph.digests_of(customer))
        segments = segments_of(session, keys)
    return {
        "conversations": _conversations(rows)[:CONVERSATIONS],
        "promises": followed(wrote, cutoff(ground))[::-1],
        "cases": cases(ground.desk, ground.clock.now(), customers=keys),
        "sent": _sent(moves(ground.desk, ground.gate, customers=keys), invited),
        "segments": segments,
    }


def _messages(ground: Ground, keys: Sequence[str], seen: Condition) -> pa.Table:
    mine = of_keys(keys)
    return ground.engine.near.query(
        f"""SELECT {", ".join(MESSAGE)} FROM signals
            WHERE thread IS NOT NULL AND kind = 'feedback' AND {mine.sql} AND {seen.sql} ORDER BY occurred_at DESC, signal_id LIMIT $most""",
        most=MOST_MESSAGES,
        **mine.values,
        **seen.values,
    )


def _held_messages(held: pa.Table) -> pa.Table:
    threaded = pc.and_(pc.is_valid(held["thread"]), pc.equal(held["kind"], "feedback"))
    return held.filter(threaded).select(MESSAGE).slice(0, MOST_MESSAGES)


def _conversations(rows: list[Row]) -> list[Row]:
    """Put messages together by conversation, the one spoken in last on top."""
    ordered = sorted(rows, key=lambda r: (r["source"], r["thread"], r["occurred_at"]))
    found = []
    for (source, thread), some in groupby(ordered, key=lambda r: (r["source"], r["thread"])):
        said = list(some)
        theirs, ours = (
            [r for r in said if (r["direction"] == "out") is company] for company in (False, True)
        )
        moods = [r["sentiment"] for r in theirs if r["sentiment"] is not None]
        found.append(
            {
                "thread": thread,
                "source": source,
                "channel": said[0]["channel"],
                "began_at": said[0]["occurred_at"],
                "last_at": said[-1]["occurred_at"],
                "theirs": len(theirs),
                "ours": len(ours),
                "last_word": "ours" if said[-1]["direction"] == "out" else "theirs",
                "first_mood": moods[0] if moods else None,
                "last_mood": moods[-1] if moods else None,
            }
        )
    return sorted(found, key=lambda c: c["last_at"], reverse=True)


def _sent(moved: list[Row], invited: list[Row]) -> list[Row]:
    """Put together what was sent, is to be sent, or was held back: messages that playbooks propose, and surveys."""
    contacts = ("message", "survey")
    asked = {i["move"] for i in invited}
    found: list[Row] = [
        {
            "at": m["at"], "what": m["action"], "name": m["target"], "by": m["playbook"], "state": m["state"], "held_by": m["held_by"] or "",
        }
        for m in moved
        if m["action"] in contacts and m["id"] not in asked
    ]  # fmt: skip
    found += [
        {
            "at": i["made_at"], "what": "survey", "name": i["survey"], "by": i["asked_by"], "state": i["state"], "held_by": i["why"],
        }
        for i in invited
    ]  # fmt: skip
    newest: list[Row] = sorted(found, key=_at, reverse=True)
    return newest


def _at(row: Row) -> datetime:
    at: datetime = row["at"]
    return at
