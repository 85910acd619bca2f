"""Redaction judged by people: a random sample of stored texts, read one by one; how often something was missed, with its interval.

Only what a person says is kept. A text is drawn once, and found again by a keyed digest that no other table has.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import func, select

from allears.desk.judging import RedactionJudgement
from allears.errors import Refused
from allears.guard.redaction.version import method
from allears.journey.ground import Ground
from allears.measure.intervals import wilson

Verdict = Literal["clean", "missed", "too_much", "both", "cannot_tell"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
DAYS = 28
DRAWN = 20
PURPOSE = "redaction judgement"
_WHERE = "text IS NOT NULL AND trim(text) <> '' AND received_at >= $since AND received_at <= $until"


class Drawn(NamedTuple):
    """Texts to judge, and what they were drawn among."""

    texts: list[dict[str, Any]]
    population: int
    at: datetime


def draw(ground: Ground, *, n: int = DRAWN, days: int = DAYS) -> Drawn:
    """Draw texts that nobody judged yet, each of the last days' texts with the same chance, as they are stored.

    Returns
    -------
    Drawn
        Each text with ``name`` (for `judge`), ``text``, ``channel``, ``language``, ``direction``.
    """
    at = ground.clock.now()
    span = {"since": at - timedelta(days=days), "until": at}
    with ground.desk.reading() as session:
        judged = set(session.scalars(select(RedactionJudgement.text)))
    rows = ground.serving.query(
        f"""SELECT signal_id, text, channel, language, direction FROM signals WHERE {_WHERE}
            ORDER BY md5(signal_id || $salt), signal_id LIMIT $most""",
        salt=secrets.token_hex(16),
        most=n + len(judged),
        **span,
    ).to_pylist()
    names = ground.vault.digest(PURPOSE, [row.pop("signal_id") for row in rows])
    texts = [{"name": name} | row for name, row in zip(names, rows, strict=True) if name not in judged]
    counted = ground.serving.query(f"SELECT count(*) AS n FROM signals WHERE {_WHERE}", **span)
    return Drawn(texts[:n], int(counted["n"][0].as_py()), at)


def judge(ground: Ground, name: str, verdict: str, drawn: Drawn, *, actor: str) -> None:
    """Keep what somebody says of one text.

    Raises
    ------
    Refused
        There is no such verdict, the text was not drawn, or it was judged meanwhile.
    """
    if verdict not in VERDICTS:
        raise Refused(f"no such verdict; there are {', '.join(VERDICTS)}", place="verdict")
    if name not in {text["name"] for text in drawn.texts}:
        raise Refused("that text was not drawn", place="name")
    made = RedactionJudgement(
        text=name, verdict=verdict, method=_method(ground), population=drawn.population, drawn_at=drawn.at,
        judged_at=ground.clock.now(), actor=actor,
    )  # fmt: skip
    with ground.desk.session() as session:
        if session.scalar(select(RedactionJudgement.id).where(RedactionJudgement.text == name)) is not None:
            raise Refused("somebody judged this text meanwhile", place="name")
        session.add(made)
        ground.audit.write(session, actor, "redaction.judge", ["redaction"], "", {"verdict": verdict})


def quality(ground: Ground) -> list[dict[str, Any]]:
    """Tell how good redaction was judged to be, for each method, the present one first.

    Returns
    -------
    list of dict
        ``method``, ``present``, ``n`` (judged texts), ``cannot_tell``, ``missed`` and ``too_much`` (share with 95 % interval
        ``low``, ``high``; null where nothing was judged), ``population`` (texts of the last draw), ``until`` (cut-off of the
        last draw), ``judged_at``.
    """
    columns = (
        RedactionJudgement.method,
        RedactionJudgement.verdict,
        func.count().label("n"),
        func.max(RedactionJudgement.drawn_at).label("until"),
        func.max(RedactionJudgement.judged_at).label("judged_at"),
    )
    with ground.desk.reading() as session:
        rows = session.execute(
            select(*columns).group_by(RedactionJudgement.method, RedactionJudgement.verdict)
        ).all()
        last = {
            row.method: row.population
            for row in session.scalars(select(RedactionJudgement).order_by(RedactionJudgement.drawn_at))
        }
    now, found = _method(ground), dict[str, dict[str, Any]]()
    for row in rows:
        one = found.setdefault(row.method, {"counts": {}, "until": row.until, "judged_at": row.judged_at})
        one["counts"][row.verdict] = row.n
        one["until"], one["judged_at"] = max(one["until"], row.until), max(one["judged_at"], row.judged_at)
    found.setdefault(now, {"counts": {}, "until": None, "judged_at": None})
    told = [_told(name, name == now, one, last.get(name)) for name, one in found.items()]
    return sorted(told, key=lambda one: (not one["present"], str(one["judged_at"])))


def _told(name: str, present: bool, one: dict[str, Any], population: int | None) -> dict[str, Any]:
    counts = one["counts"]
    n = sum(many for verdict, many in counts.items() if verdict != "cannot_tell")
    both = counts.get("both", 0)
    return {
        "method": name,
        "present": present,
        "n": n,
        "cannot_tell": counts.get("cannot_tell", 0),
        "missed": _share(counts.get("missed", 0) + both, n),
        "too_much": _share(counts.get("too_much", 0) + both, n),
        "population": population,
        "until": one["until"],
        "judged_at": one["judged_at"],
    }


def _share(hits: int, n: int) -> dict[str, float] | None:
    if not n:
        return None
    share = wilson(hits, n)
    return {"hits": hits, "share": share.estimate, "low": share.low, "high": share.high}


def _method(ground: Ground) -> str:
    guard = ground.settings.guard
    return method(guard.level, guard.also, guard.keep, guard.spotter or "")
