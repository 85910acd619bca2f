"""Empty what somebody said: rows stay, so that counts stay true; words, originals and all that leads to a person go.

A row of the lake gets a name that leads nowhere: random, one for each erasure, kept in no list. So whoever erased somebody
cannot say whose the row was, distinct people are still counted as many as they were, and a person who comes back is new.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select, update

from allears.desk.listening import Mark, RefusedRow
from allears.guard.erasures import Erasure, Scope
from allears.guard.key_ring import secure
from allears.journey.amend import DUE_SINCE, GONE
from allears.journey.ground import Ground
from allears.tables import TABLES

SIGNALS = TABLES["signals"]
EMPTIED = ("customer_key", "identifiers", "thread", "text", "sealed", "properties")
ERASED = "held somebody who was erased"
_ROWS = 50_000
_PAGE = 500
_KEYED = re.compile(
    r"""(?i)(?:user|customer|client|anonymous|device|member|handle|author|screen|name|from|id)[\w.-]*["']?\s*[:=]\s*["']?([^\s"',;&{}\[\]]{1,128})"""
)
_TOKEN = re.compile(r"""[^\s"'<>,;|(){}\[\]=&?]{6,128}""")
_PHONE = re.compile(r"\+?\d[\d ()./-]{4,24}\d")


def blank_signals(ground: Ground, erasures: Sequence[Erasure]) -> Counter[str]:
    """Empty the signals of erased customers; returns how many of each."""
    counts: Counter[str] = Counter()
    for mine, others in _each(ground, erasures):
        if not mine.num_rows and not others.num_rows:
            continue
        with ground.desk.session() as session:
            session.merge(Mark(name=DUE_SINCE, value=ground.clock.now().isoformat()))
        for start in range(0, mine.num_rows, _ROWS):
            ground.store.amend("signals", mine.slice(start, _ROWS), EMPTIED)
        if others.num_rows:
            ground.store.amend("signals", others, ("identifiers",))
        counts.update(mine["whose"].to_pylist())
    return counts


def count_signals(ground: Ground, erasures: Sequence[Erasure]) -> Counter[str]:
    """Count the signals that would be emptied, of each customer."""
    counts: Counter[str] = Counter()
    for mine, _ in _each(ground, erasures):
        counts.update(mine["whose"].to_pylist())
    return counts


def _each(ground: Ground, erasures: Sequence[Erasure]) -> Iterator[tuple[pa.Table, pa.Table]]:
    for scope, some in _scopes(erasures):
        yield _found(ground, list(some), scope)


def blank_refused(ground: Ground, erasures: Sequence[Erasure]) -> int:
    """Empty the refused rows that name an identifier of somebody erased; returns how many. Each is opened once, whoever is erased."""
    gone = {scope: {d for e in some for d in e.digests} for scope, some in _scopes(erasures)}
    blanked, last = 0, ""
    while True:
        query = select(RefusedRow).where(RefusedRow.refused > last, RefusedRow.door != GONE)
        with ground.desk.reading() as session:
            page = list(session.scalars(query.order_by(RefusedRow.refused).limit(_PAGE)))
        if not page:
            return blanked
        last = page[-1].refused
        named = _named(ground, [ground.vault.open_space(row.payload, "refused", row.refused) for row in page])
        hit = [
            row.refused
            for row, digests in zip(page, named, strict=True)
            if any(_within(row, scope) and wanted & digests for scope, wanted in gone.items())
        ]
        blanked += len(hit)
        if hit:
            nothing = [
                {
                    "refused": r,
                    "payload": ground.vault.seal_space(b"", "refused", r),
                    "door": GONE,
                    "reason": ERASED,
                }
                for r in hit
            ]
            with ground.desk.session() as session:
                secure(session)
                session.execute(update(RefusedRow), nothing)


def _scopes(erasures: Sequence[Erasure]) -> Iterator[tuple[Scope | None, Iterator[Erasure]]]:
    return groupby(sorted(erasures, key=_by_scope), key=lambda e: e.scope)


def _by_scope(erasure: Erasure) -> str:
    return repr(erasure.scope)


# -- the lake ----------------------------------------------------------------------------------------------------------


def _found(ground: Ground, erasures: Sequence[Erasure], scope: Scope | None) -> tuple[pa.Table, pa.Table]:
    """Find the rows that are somebody's, and those of others that name an identifier of theirs; by day, so that few files are written anew at once.

    A row is theirs when it lies under their key, or names identifiers of theirs only: what was written while they were
    taken for somebody else. A row of somebody else that names a device of theirs loses just that.
    """
    digests = {digest: e.customer for e in erasures for digest in e.digests}
    keys = {key: e.customer for e in erasures for key in e.subjects}
    limits, values = _limits(scope)
    rows = ground.engine.near.query(
        f"""WITH d AS (SELECT unnest($digests) AS digest, unnest($digests_of) AS whose),
                 k AS (SELECT unnest($keys) AS key, unnest($keys_of) AS whose),
                 s AS (SELECT signal_id, day, customer_key, identifiers FROM signals WHERE true{limits}),
                 named AS (SELECT s.signal_id, any_value(d.whose) AS whose, count(*) AS theirs
                           FROM (SELECT signal_id, unnest(identifiers).digest AS digest FROM s) s JOIN d USING (digest)
                           GROUP BY s.signal_id)
            SELECT s.signal_id, s.day, coalesce(k.whose, named.whose) AS whose,
                   k.key IS NOT NULL OR named.theirs = len(s.identifiers) AS mine,
                   CASE WHEN k.key IS NULL AND named.theirs < len(s.identifiers) THEN s.identifiers END AS identifiers
            FROM s LEFT JOIN named USING (signal_id) LEFT JOIN k ON s.customer_key = k.key
            WHERE named.signal_id IS NOT NULL OR (k.key IS NOT NULL AND coalesce(len(s.identifiers), 0) = 0)
            ORDER BY s.day, s.signal_id""",
        digests=list(digests),
        digests_of=list(digests.values()),
        keys=list(keys),
        keys_of=list(keys.values()),
        **values,
    )
    mine, others = rows.filter(rows["mine"]), rows.filter(pc.invert(rows["mine"]))
    return _emptied(mine), _without(others, set(digests))


def _limits(scope: Scope | None) -> tuple[str, dict[str, Any]]:
    if scope is None:
        return "", {}
    parts = {
        "channel": "coalesce(channel, '') = $channel",
        "since": "occurred_at >= $since",
        "until": "occurred_at < $until",
        "sources": "source IN (SELECT unnest($sources))",
    }
    if scope.purpose is not None and not scope.sources:
        return " AND false", {}
    given = {name: value for name in parts if (value := getattr(scope, name)) not in (None, ())}
    if scope.sources:
        given["sources"] = list(scope.sources)
    return "".join(f" AND {parts[name]}" for name in given), given


def _emptied(rows: pa.Table) -> pa.Table:
    whose = rows["whose"].combine_chunks().dictionary_encode()
    names = pa.array([GONE + secrets.token_hex(8) for _ in range(len(whose.dictionary))], pa.string())
    nothing = {
        name: pa.nulls(rows.num_rows, SIGNALS.schema.field(name).type)
        for name in EMPTIED
        if name != "customer_key"
    }
    kept = {name: rows[name] for name in ("signal_id", "day", "whose")}
    return pa.table(kept | {"customer_key": names.take(whose.indices)} | nothing)


def _without(rows: pa.Table, digests: set[str]) -> pa.Table:
    left = [[i for i in held if i["digest"] not in digests] for held in rows["identifiers"].to_pylist()]
    kept = {name: rows[name] for name in ("signal_id", "day")}
    return pa.table(kept | {"identifiers": pa.array(left, SIGNALS.schema.field("identifiers").type)})


# -- refused rows ------------------------------------------------------------------------------------------------------


def _within(row: RefusedRow, scope: Scope | None) -> bool:
    if scope is None:
        return True
    if scope.channel is not None and row.channel != scope.channel:
        return False
    if scope.purpose is not None and row.source not in scope.sources:
        return False
    return not (
        (scope.since is not None and row.received_at < scope.since)
        or (scope.until is not None and row.received_at >= scope.until)
    )


def _named(ground: Ground, payloads: Sequence[bytes]) -> list[set[str]]:
    """Give for each payload the digests of all in it that may be an identifier."""
    tokens = [_tokens(payload) for payload in payloads]
    different = sorted(set().union(*tokens))
    digests = dict(zip(different, ground.graph.digests_of_values(different), strict=True))
    return [set().union(*(digests[token] for token in some)) for some in tokens]


def _tokens(payload: bytes) -> set[str]:
    r"""Find what may be an identifier: long words, telephone numbers, and short words that are said to be one.

    Examples
    --------
    >>> sorted(_tokens(b'{"userId": "u7", "rating": 7, "mail": "bo@example.com"}'))
    ['bo@example.com', 'rating', 'u7', 'userId']
    """
    text = payload.decode("utf-8", "replace")
    found: set[str] = set()
    for form in {text, unquote_plus(text)} if "%" in text or "+" in text else {text}:
        found.update(token.strip(".:") for token in _TOKEN.findall(form))
        found.update(_PHONE.findall(form))
        # Any number may be somebody's short id; only where it is said to be one it counts as that.
        found.update(_KEYED.findall(form))
    return {token for token in found if token}
