"""Erase people, one or ten thousand, whole or in part: noted first, then done everywhere, then proven.

The order makes it safe to stop anywhere. The list of erasures is on disk before anything goes, with all that is needed to
do it: then the lake's rows are emptied, then refused rows, then the desk forgets them, lot by lot, each in one transaction
with its keys, its audit entries and the note that it is done. Whoever opens the space next finishes what the list says and
the desk does not; so does a restored backup, whose desk is older than the list.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from allears.act.forget import forget_customers, forget_signals
from allears.act.invite import forget_invitations
from allears.act.recipients import Recipients, tell_recipients
from allears.desk.listening import Mark
from allears.desk.only import only
from allears.desk.work import IssueSignal
from allears.errors import NotReady, Refused
from allears.guard.chain import note_acts
from allears.guard.consent import forget_words
from allears.guard.erase import Receipt, erase
from allears.guard.erasures import Erasure, Scope, sealed
from allears.guard.glass import forget_glass
from allears.guard.receipt import give
from allears.journey.amend import GONE
from allears.journey.blank import blank_refused, blank_signals, count_signals
from allears.journey.deeds import erasure_key, mark_done
from allears.journey.ends import acts_path, chain_key, know_written
from allears.journey.ground import Ground
from allears.journey.holds import held_customers, require_free
from allears.journey.requests import forget_requests
from allears.journey.said import clean
from allears.journey.single import forget_use, settled
from allears.know.accounts import forget_relations
from allears.know.stays import forget_stays

LOT = 500
LOCK = "erase.lock"
ERASED = "erased"
"""The mark that moves with each erasure: who remembers customers in memory looks at it."""
_WAIT_SECONDS = 30.0
_CHUNK = 500
Progress = Callable[[int], None]


class Erased(NamedTuple):
    """What a run erased: numbers of the audit entries that receipts are kept under, and who is under a hold."""

    receipts: list[int]
    held: list[str]


def erase_customer(
    ground: Ground, customer: str, *, actor: str, why: str, scope: Scope | None = None
) -> Receipt:
    """Erase one customer, or what a scope says of one, and give the receipt.

    Raises
    ------
    NotAllowed
        A legal hold keeps this customer's data.
    NotReady
        What was heard before waits to be digested, and nobody digests.
    """
    require_free(ground, customer)
    done = erase_customers(ground, [customer], actor=actor, why=why, scope=scope)
    return give(ground.desk, ground.audit, done.receipts, Receipt)[0]


def erase_customers(
    ground: Ground,
    customers: Sequence[str],
    *,
    actor: str,
    why: str,
    scope: Scope | None = None,
    progress: Progress = lambda n: None,
) -> Erased:
    """Erase many customers; those under a legal hold stay, and are told.

    Parameters
    ----------
    progress
        Told how many more are done.

    Raises
    ------
    Refused
        No reason was given.
    """
    if not why.strip():
        raise Refused("expected a reason", place="--why")
    why, scope = clean(ground, why, customers), settled(ground, scope)
    with alone(ground):
        await_digest(ground)
        held = held_customers(ground)
        going = [c for c in dict.fromkeys(customers) if c not in held]
        at, noted, key = ground.clock.now(), [], erasure_key(ground)
        for customer, (digests, own) in zip(going, ground.graph.belongings(going), strict=True):
            keys = sorted({customer, *own})
            one = Erasure(at, customer, keys, why, new_erasure(), actor, sorted(digests), scope)
            noted.append(sealed(one, key))
        end = note_acts(acts_path(ground), noted, chain_key(ground))
        with ground.desk.session() as session:
            know_written(ground, session, end, len(noted))
        return Erased(carry_out(ground, noted, progress), sorted(held.intersection(customers)))


def rehearse(ground: Ground, customer: str, scope: Scope) -> dict[str, int]:
    """Tell how much of what a scope says would go, by table; nothing is changed.

    Raises
    ------
    NotAllowed
        A legal hold keeps this customer's data.
    """
    require_free(ground, customer)
    [(digests, own)] = ground.graph.belongings([customer])
    keys, now = sorted({customer, *own}), ground.clock.now()
    scoped = settled(ground, scope)
    noted = [Erasure(now, customer, keys, "rehearsed", "", "", sorted(digests), scoped)]
    lot = _Lot(ground, noted, count_signals(ground, noted), _recipients(ground, noted))
    with suppress(_Rehearsed), ground.desk.session() as session:
        found = lot.remove(session)[customer]
        raise _Rehearsed  # the same steps are taken, and then taken back
    return found


class _Rehearsed(Exception):
    """Ends a transaction that was never meant to stand."""


@contextmanager
def alone(ground: Ground, *, wait: bool = True) -> Iterator[None]:
    """Hold the space's lock for erasing; a backup holds it too, so that what it copies is of one piece.

    Raises
    ------
    BlockingIOError
        Somebody else holds it, and ``wait`` is false.
    """
    with only(ground.desk, ground.folder, LOCK, wait=wait):
        yield


def await_digest(ground: Ground, seconds: float = _WAIT_SECONDS) -> None:
    """Wait until what was heard before now is in the lake: else it would come after the erasure, as if it were new.

    Raises
    ------
    NotReady
        It still waits; nothing was erased.
    """
    inbox = ground.inbox
    ends = {segment: inbox.end(segment)[0] for segment in inbox.segments()}
    until = time.monotonic() + seconds
    while any(
        ground.store.position("signals", name) < end
        for name, end in ends.items()
        if name in set(inbox.segments())
    ):
        if time.monotonic() > until:
            raise NotReady("what was heard before waits to be digested: `allears digest`, then again")
        time.sleep(0.1)


def carry_out(ground: Ground, erasures: Sequence[Erasure], progress: Progress = lambda n: None) -> list[int]:
    """Do what was noted, by whoever holds the lock: everything here may be done twice. Returns numbers of audit entries."""
    if not erasures:
        return []
    emptied = blank_signals(ground, erasures)
    blank_refused(ground, erasures)
    numbers: list[int] = []
    for _, some in groupby(erasures, key=lambda e: (e.actor, e.why, e.scope)):
        alike = list(some)
        recipients = _recipients(ground, alike)
        for start in range(0, len(alike), LOT):
            lot = _Lot(ground, alike[start : start + LOT], emptied, recipients)
            numbers += erase(
                ground.desk,
                ground.vault,
                ground.audit,
                lot.erasures,
                lot.remove,
                at=ground.clock.now(),
                done=_done,
            )
            progress(len(lot.erasures))
    return numbers


def _recipients(ground: Ground, erasures: Sequence[Erasure]) -> Recipients:
    with ground.desk.reading() as session:
        return Recipients(
            session,
            ground.outbox,
            {key: e.customer for e in erasures for key in e.subjects},
            {digest: e.customer for e in erasures for digest in e.digests},
            erasures[0].scope.purpose if erasures[0].scope else None,
        )


class _Lot:
    """Erasures alike, and what the desk keeps of them."""

    def __init__(
        self, ground: Ground, erasures: Sequence[Erasure], emptied: Counter[str], recipients: Recipients
    ) -> None:
        self._ground, self._emptied, self._recipients = ground, emptied, recipients
        self.erasures = erasures
        self._scope = erasures[0].scope
        self._keys = {key: e.customer for e in erasures for key in e.subjects}
        self._digests = {digest: e.customer for e in erasures for digest in e.digests}

    def remove(self, session: Session) -> dict[str, dict[str, int]]:
        """Remove look-ups and work that names them; returns what went, by customer and table."""
        ground = self._ground
        counts: dict[str, Counter[str]] = {
            e.customer: Counter(signals=self._emptied[e.customer]) for e in self.erasures
        }
        said = {e.customer: (e.id, e.scope.said() if e.scope else "") for e in self.erasures}
        now = ground.clock.now()
        for customer, told in tell_recipients(session, ground.outbox, self._recipients, said, now).items():
            counts[customer].update(told)
        if self._scope is not None:
            if self._scope.purpose is not None:
                use = forget_use(ground, session, self._scope, self._keys, self._digests, self._recipients)
                for customer, went in use.items():
                    counts[customer].update(went)
            forget_signals(session, _emptied_ids(ground, session, list(self._keys)))
            return {customer: dict(found) for customer, found in counts.items()}
        for name, found in (
            ("invitations", forget_invitations(session, self._digests)),
            ("consent_words", forget_words(session, self._digests)),
            ("relations", forget_relations(session, self._digests)),
            ("rights_requests", forget_requests(session, self._digests, now, self.erasures[0].actor)),
        ):
            for customer in counts:
                counts[customer][name] = found.get(customer, 0)
        for customer, stays in forget_stays(session, self._keys).items():
            counts[customer]["segment_stays"] = stays
        forget_glass(session, self._keys)
        for customer, work in forget_customers(session, self._keys).items():
            counts[customer].update(work)
        # Any identifier of theirs leads to who they are taken for, in an older desk too.
        for customer, gone in ground.graph.forget_each(session, self._keys).items():
            counts[customer].update(gone)
        return {customer: dict(found) for customer, found in counts.items()}


def _emptied_ids(ground: Ground, session: Session, keys: Sequence[str]) -> list[str]:
    tied: list[str] = []
    for start in range(0, len(keys), _CHUNK):
        some = IssueSignal.customer.in_(keys[start : start + _CHUNK])
        tied += session.scalars(select(IssueSignal.signal_id).where(some))
    if not tied:
        return []
    rows = ground.engine.near.query(
        "SELECT signal_id FROM signals WHERE starts_with(customer_key, $gone) AND signal_id IN (SELECT unnest($ids))",
        gone=GONE,
        ids=tied,
    )
    found: list[str] = rows["signal_id"].to_pylist()
    return found


def _done(session: Session, entries: Sequence[tuple[Erasure, int]]) -> None:
    for erasure, number in entries:
        mark_done(session, erasure.id, number)
    session.merge(Mark(name=ERASED, value=str(entries[-1][1])))


def new_erasure() -> str:
    """Make an id for an erasure."""
    return "e" + secrets.token_hex(8)
