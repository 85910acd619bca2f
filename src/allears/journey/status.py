"""Status: what was accepted, stored, refused and waits, and how sources stand against their objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select

from allears.act.invite import invitations
from allears.desk.listening import RefusedRow, Source
from allears.errors import Refused
from allears.journey.channels import health
from allears.journey.ground import Ground
from allears.journey.hooks import list_hooks
from allears.journey.refusing import INBOX
from allears.measure.response import response_rates


def counts(ground: Ground, contract: Sequence[str]) -> dict[str, Any]:
    """Count what was accepted, stored, refused and waits: quick enough to be asked every few seconds."""
    pending = 0
    for segment in ground.inbox.segments():
        pending += ground.inbox.rows(segment, ground.store.position("signals", segment))
    with ground.desk.reading() as session:
        sources: list[dict[str, Any]] = [
            {
                "source": s.name,
                "channel": s.channel,
                "stored": s.stored,
                "duplicates": s.duplicates,
                "first_at": s.first_at,
                "last_at": s.last_at,
                "mapping": msgspec.json.decode(s.mapping) if s.mapping else None,
            }
            for s in session.scalars(select(Source).order_by(Source.name))
        ]
        counted = (
            select(RefusedRow.source, func.count())
            .where(RefusedRow.replayed_at.is_(None))
            .group_by(RefusedRow.source)
        )
        kept: dict[str, int] = {row[0]: row[1] for row in session.execute(counted)}
    hooks = {one["source"]: one for one in list_hooks(ground)}
    for source in sources:
        source["refused"] = kept.get(source["source"], 0)
        source["rejected"] = hooks.pop(source["source"], {}).get("rejected", 0)
    # Whose rows were all refused, and whose requests were all turned away, have no counters of their own.
    unheard = sorted({*hooks, *kept} - {INBOX} - {source["source"] for source in sources})
    sources += [
        {
            "source": name,
            "channel": None,
            "stored": 0,
            "duplicates": 0,
            "first_at": None,
            "last_at": None,
            "mapping": None,
            "refused": kept.get(name, 0),
            "rejected": hooks.get(name, {}).get("rejected", 0),
        }
        for name in unheard
    ]
    stored = sum(s["stored"] for s in sources)
    return {
        "name": ground.settings.space.name,
        "accepted": stored + pending,
        "stored": stored,
        "duplicates": sum(s["duplicates"] for s in sources),
        "refused": sum(kept.values()),
        "rejected": sum(s["rejected"] for s in sources),
        "pending": pending,
        "damaged": len(ground.inbox.set_aside()),
        "sources": sources,
        "contract": list(contract),
    }


def status(ground: Ground, contract: Sequence[str]) -> dict[str, Any]:
    """Tell the counts, how sources stand against their objectives, and who answered our surveys.

    Counts are told even where objectives that somebody wrote are wrong; ``wrong`` says what is.
    """
    found, wrong = counts(ground, contract), []
    try:
        objectives = {row["source"]: row["objectives"] for row in health(ground)}
    except Refused as error:
        objectives, wrong = {}, [str(error)]
    for source in found["sources"]:
        source["objectives"] = objectives.get(source["source"], [])
    rates = response_rates(invitations(ground.desk, None), by=None, at=ground.clock.now())
    return found | {"surveys": rates, "wrong": wrong}
