"""Profiles: what a person told about themselves, sealed, so that it can be struck out of texts and shown to whoever may see it.

Each profile is sealed under the key of the customer id it was learnt for. When two customers become one, their profiles
stay apart in the desk and are read together; when they part again, each has its own back. Destroying a key destroys the profile.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from allears.desk import Desk
from allears.desk.identity import Identifier, IdentityHistory, IdentityRevision, Profile
from allears.know.identifiers import BLOCKED_WORDS, LONGEST, normalise

FIELD = "profile"
STRUCK, KEPT = "!", "+"
"""Before a type: what a person struck out, so that no source brings it back; what a person put in, so that no source pushes it out."""
CLEAR_TYPES = ("email", "phone", "handle")
"""Identifiers that are kept in clear, under seal, because texts may name them; other ids mean nothing to a reader."""

Known = dict[str, list[str]]
Seal = Callable[[Sequence[str], Sequence[bytes | None], str], Sequence[bytes | None]]
"""``seal(subjects, plain, field)`` and ``open(subjects, sealed, field)`` of the vault; ``None`` where a key was destroyed."""

_AT_ONCE = 500  # databases limit the parameters of one statement
_decoder = msgspec.json.Decoder(dict[str, list[str]])


class Profiles:
    """What is known of each customer.

    Parameters
    ----------
    desk
        Where sealed profiles are kept.
    seal, open
        The vault's.
    values_per_type
        Most names, addresses ... kept of one customer; the oldest goes when another comes.
    remembered
        Customers kept in memory.
    region
        Where telephone numbers are from that bear no country.
    others
        Keeps other processes that learn from learning meanwhile, where there are such.
    """

    def __init__(
        self,
        desk: Desk,
        seal: Seal,
        open: Seal,
        *,
        values_per_type: int = 12,
        remembered: int = 50_000,
        region: str = "",
        others: Callable[[], AbstractContextManager[None]] | None = None,
    ) -> None:
        self._desk, self._seal, self._open = desk, seal, open
        self._values_per_type, self._remembered, self._region = values_per_type, remembered, region
        self._turn, self._others = threading.RLock(), others
        self._subjects: OrderedDict[str, dict[str, Known]] = (
            OrderedDict()
        )  # customer -> subject -> what is known
        self._seen = (0, 0)  # last history row and last erasure that memory has taken in

    def learn(self, arrivals: pa.RecordBatch, customer_keys: pa.Array) -> int:
        """Add what a batch tells about its customers; return how many profiles changed.

        Parameters
        ----------
        arrivals
            A batch of the table ``arrivals``; columns ``personal``, ``identifiers`` and ``received_at`` are read.
        customer_keys
            Today's customer of each row, as `allears.know.graph.Graph.identify` gave it.
        """
        told = _told(arrivals, customer_keys)
        at = pc.max(arrivals["received_at"]).as_py()
        with self._turn, self._others() if self._others is not None else nullcontext():
            if self._others is not None:
                # What others learned meanwhile would be written over.
                self._subjects.clear()
            while (changed := self._learn(told, at)) is None:
                self._subjects.clear()  # somebody was corrected or forgotten meanwhile
            self._shrink()
        return changed

    def _learn(self, told: Sequence[tuple[str, str, str]], at: datetime | None) -> int | None:
        self._remember({customer for customer, _, _ in told})
        subjects = sorted({customer for customer, kind, value in told if self._add(customer, kind, value)})
        plain = [msgspec.json.encode(self._subjects[s][s]) for s in subjects]
        try:
            # Before the transaction: the vault keeps its keys in the same desk.
            sealed = self._seal(subjects, plain, FIELD)
            return len(subjects) if self._write(subjects, sealed, at) else None
        except BaseException:
            self._subjects.clear()
            raise

    def known(
        self,
        customer_keys: pa.Array,
        arrivals: pa.RecordBatch | None = None,
        *,
        hiding: bool = False,
    ) -> list[Sequence[tuple[str, str]] | None]:
        """Give what is known of each row's customer, as pairs of type and value.

        Parameters
        ----------
        customer_keys
            Today's customer of each row.
        arrivals
            The batch; when given, it is for hiding, and rows without a customer get what they tell themselves.
        hiding
            What was struck out is told too, since texts may still name it.
        """
        different = customer_keys.dictionary_encode()
        customers = different.dictionary.to_pylist()
        with self._turn:
            self._remember(set(customers))
            pairs = [
                _pairs(self._subjects[c].values(), hiding=hiding or arrivals is not None) for c in customers
            ]
            self._shrink()
        places = different.indices.to_pylist()
        found: list[Sequence[tuple[str, str]] | None] = [None if p is None else pairs[p] for p in places]
        if arrivals is not None and customer_keys.null_count:
            _add_own(found, arrivals)
        return found

    def of(self, customer: str) -> Known:
        """Give what is known of one customer, by type."""
        known: Known = {}
        for kind, value in self.known(pa.array([customer], pa.string()))[0] or ():
            known.setdefault(kind, []).append(value)
        return known

    def _add(self, customer: str, kind: str, value: str) -> bool:
        subjects = self._subjects[customer]
        for known in subjects.values():
            if value in known.get(kind, ()) or self._struck(known, kind, value):
                return False
        mine = subjects.setdefault(customer, {})
        values, kept = mine.setdefault(kind, []), mine.get(KEPT + kind, ())
        values.append(value)
        if len(values) > self._values_per_type:
            values.remove(next((v for v in values if v not in kept), values[0]))
        return True

    def _struck(self, known: Known, kind: str, value: str) -> bool:
        struck = known.get(STRUCK + kind)
        if not struck:
            return False
        forms = {alike(one) for one in struck}
        if alike(value) in forms:
            return True
        # One number is written in many ways; as an identifier it has one form.
        form = normalise(kind, value, self._region) if kind in CLEAR_TYPES else None
        return form is not None and form in {normalise(kind, one, self._region) for one in struck}

    def _remember(self, customers: set[str]) -> None:
        """Read those not in memory; first drop from memory whoever moved or was erased since."""
        with self._desk.reading() as session:
            self._drop_stale(session)
            missing = sorted(customers - self._subjects.keys())
            rows = [row for some in _chunks(missing) for row in _profiles(session, some)]
        for customer in customers & self._subjects.keys():
            self._subjects.move_to_end(customer)
        self._subjects.update((customer, {}) for customer in missing)
        opened = self._open([s for s, _, _ in rows], [sealed for *_, sealed in rows], FIELD)
        for (subject, customer, _), plain in zip(rows, opened, strict=True):
            if plain is not None:
                self._subjects[customer][subject] = _decoder.decode(plain)

    def _drop_stale(self, session: Session) -> None:
        last = session.scalar(select(func.max(IdentityHistory.id))) or 0
        forgotten = session.scalar(select(IdentityRevision.forgotten)) or 0
        if forgotten != self._seen[1]:
            self._subjects.clear()
        elif last > self._seen[0]:
            moved = select(IdentityHistory.customer, Identifier.customer).join(
                Identifier, Identifier.digest == IdentityHistory.digest
            )
            for pair in session.execute(moved.where(IdentityHistory.id > self._seen[0])):
                for customer in pair:
                    self._subjects.pop(customer, None)
        self._seen = (last, forgotten)

    def _write(self, subjects: Sequence[str], sealed: Sequence[bytes | None], at: datetime | None) -> bool:
        when = at or datetime.now(UTC)
        rows = [
            {"subject": s, "customer": s, "sealed": blob, "learnt_at": when}
            for s, blob in zip(subjects, sealed, strict=True)
            if blob is not None
        ]
        if not rows:
            return True
        with self._desk.session() as session:
            # Holds the turn of whoever corrects or forgets, and sees whether they came first.
            forgotten = session.scalar(select(IdentityRevision.forgotten).with_for_update()) or 0
            if forgotten == self._seen[1]:
                session.execute(upsert(session), rows)
            return forgotten == self._seen[1]

    def _shrink(self) -> None:
        while len(self._subjects) > self._remembered:
            self._subjects.popitem(last=False)


def _told(arrivals: pa.RecordBatch, customer_keys: pa.Array) -> list[tuple[str, str, str]]:
    """Give different triples of customer, type and value, in the order of the batch."""
    personal = _flat(arrivals["personal"], customer_keys)
    clear = _flat(arrivals["identifiers"], customer_keys)
    clear = clear.filter(pc.is_in(clear["kind"], pa.array(CLEAR_TYPES)))
    both = pa.concat_tables([personal, clear]).drop_null()
    different = both.append_column("at", pa.array(np.arange(len(both)))).group_by(
        ["customer", "kind", "value"]
    )
    columns = different.aggregate([("at", "min")]).sort_by("at_min").select(["customer", "kind", "value"])
    tidied = (
        (c, k, tidy(k, v))
        for c, k, v in zip(*(column.to_pylist() for column in columns.columns), strict=True)
    )
    return [(c, k, v) for c, k, v in tidied if v]


def _flat(lists: pa.Array, customer_keys: pa.Array) -> pa.Table:
    flat = pc.list_flatten(lists)
    customer = customer_keys.take(pc.list_parent_indices(lists))
    return pa.table(
        {"customer": customer, "kind": pc.struct_field(flat, [0]), "value": pc.struct_field(flat, [1])}
    )


def tidy(kind: str, value: str) -> str:
    """Trim a value; a handle loses its network, because texts do not write it. Junk becomes nothing."""
    text = value.strip()
    if kind == "handle":
        text = text.rpartition(":")[2].strip().lstrip("@")
    return (
        ""
        if len(text) > LONGEST
        or text.lower() in BLOCKED_WORDS
        or (kind == "email" and normalise(kind, text) is None)
        else text
    )


def alike(value: str) -> str:
    """Give a form in which spellings of one value are equal.

    Examples
    --------
    >>> alike(" Ada  LOVELACE") == alike("Ada Lovelace")
    True
    """
    return " ".join(value.casefold().split())


def _pairs(known: Iterable[Known], *, hiding: bool = False) -> list[tuple[str, str]]:
    said = dict.fromkeys((kind, value) for one in known for kind, values in one.items() for value in values)
    marked = [pair for pair in said if pair[0][0] in (STRUCK, KEPT)]
    if not marked:
        return list(said)
    struck = {(kind[1:], alike(value)): value for kind, value in marked if kind[0] == STRUCK}
    left = [p for p in said if p[0][0] not in (STRUCK, KEPT) and (p[0], alike(p[1])) not in struck]
    return left + ([(kind, value) for (kind, _), value in struck.items()] if hiding else [])


def _add_own(found: list[Sequence[tuple[str, str]] | None], arrivals: pa.RecordBatch) -> None:
    nobody = [row for row, known in enumerate(found) if known is None]
    for row, told in zip(nobody, arrivals["personal"].take(pa.array(nobody)).to_pylist(), strict=True):
        if told:
            found[row] = [(t["type"], t["value"]) for t in told if t["type"] and t["value"]]


def _profiles(session: Session, customers: Sequence[str]) -> list[tuple[str, str, bytes]]:
    wanted = select(Profile.subject, Profile.customer, Profile.sealed).where(Profile.customer.in_(customers))
    return [(subject, customer, sealed) for subject, customer, sealed in session.execute(wanted)]


def upsert(session: Session) -> Any:
    """Write profiles anew, under the customer they belong to by now."""
    dialects: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    insert = dialects[session.get_bind().dialect.name](Profile)
    # The customer stays: the graph alone moves a profile.
    change = {"sealed": insert.excluded.sealed, "learnt_at": insert.excluded.learnt_at}
    return insert.on_conflict_do_update(index_elements=[Profile.subject], set_=change)


def _chunks(customers: Sequence[str]) -> Iterable[Sequence[str]]:
    return (customers[i : i + _AT_ONCE] for i in range(0, len(customers), _AT_ONCE))
