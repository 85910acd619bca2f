"""Consent that comes with signals: consent events and profiles that hold a consent object become words, as they are digested.

Doing it again after a crash changes nothing: a word's name follows from what it says.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from allears.errors import Refused
from allears.guard.consent import Word
from allears.guard.expressed import expressed
from allears.guard.purpose import Purpose, Purposes
from allears.guard.redaction.labels import redact_labels
from allears.journey.deeds import keep_words
from allears.journey.ground import Ground
from allears.journey.refusing import keep_refused
from allears.journey.rules import purposes
from allears.listen.reading import Refusal

CONSENT = "consent"
"""The property that holds the consent object."""
ACTOR = "digest"


def overhear(ground: Ground, arrivals: pa.RecordBatch, identifiers: pa.Array) -> int:
    """Note what a batch says about consent; returns how many words are new.

    Parameters
    ----------
    arrivals
        A batch of the table ``arrivals``.
    identifiers
        The digests of each row's identifiers, as ``signals`` bears them.
    """
    rows = _speaking(arrivals)
    if not len(rows):
        return 0
    spoken = arrivals.take(rows)
    names = redact_labels(spoken["name"], region=ground.settings.space.region)
    words, refusals = _words(spoken, names, identifiers.take(rows), purposes(ground))
    now = ground.clock.now()
    for source, refusal in refusals:
        keep_refused(ground, [refusal], source=source, channel=None, at=now)
    if not words:
        return 0
    with ground.desk.session() as session:
        return keep_words(ground, session, words, now, ACTOR)


def _speaking(arrivals: pa.RecordBatch) -> pa.Array:
    """Find the rows that may speak of consent: told in a profile, or in an event named so; the others only repeat it."""
    holds = pc.match_substring(arrivals["properties"], f'"{CONSENT}"')
    if not pc.any(holds).as_py():
        return pa.array([], pa.int64())
    named = pc.match_substring(arrivals["name"], "consent", ignore_case=True)
    asked = pc.or_kleene(pc.equal(arrivals["kind"], "profile"), named)
    return pc.indices_nonzero(pc.fill_null(pc.and_(holds, asked), False)).cast(pa.int64())


def _words(
    arrivals: pa.RecordBatch, names: pa.Array, identifiers: pa.Array, uses: Purposes
) -> tuple[list[Word], list[tuple[str, Refusal]]]:
    # Of what somebody repeats within a batch the newest is enough: the last word counts, and no older one ever does.
    newest: dict[tuple[tuple[str, ...], Purpose, str], Word] = {}
    refusals: list[tuple[str, Refusal]] = []
    columns = ("properties", "occurred_at", "received_at", "source", "signal_id")
    told = (arrivals[column].to_pylist() for column in columns)
    rows = zip(*told, names.to_pylist(), identifiers.to_pylist(), strict=True)
    for properties, occurred, received, source, signal, name, mine in rows:
        digests = tuple(sorted({one["digest"] for one in mine or ()}))
        consent = _told(properties)
        if not digests or not consent:
            continue
        try:
            said = expressed(consent, uses)
        except Refused as error:
            place = f"signal {signal}: properties.{CONSENT}"
            refusals.append((source, Refusal(place, error.message, properties.encode(), "raw")))
            continue
        # A clock that runs ahead must not outvote what is said later.
        at, version = min(occurred, received), str(consent.get("version", ""))
        for purpose, state in said.items():
            word = Word(
                digests, purpose, state, at, source, ACTOR, version[:64], str(name or "profile")[:120]
            )
            held = newest.get((digests, purpose, state))
            if held is None or held.at < at:
                newest[digests, purpose, state] = word
    return list(newest.values()), refusals


def _told(properties: str) -> dict[str, Any]:
    found = msgspec.json.decode(properties)
    told = found.get(CONSENT) if isinstance(found, dict) else None
    return told if isinstance(told, dict) else {}
