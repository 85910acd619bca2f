"""The graph: who appears in a batch, which customer that is, and how stewards join and part customers.

Links between identifiers are the truth, kept in the desk; customers follow from them (see `allears.know.clusters`).
A customer's id is made from the identifier seen first, so it outlives merges, and an id written into a signal long ago
still names an identifier that belongs to one customer today.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.desk.identity import Identifier, IdentityHistory, ProbableLink, Profile, StewardAct
from allears.know import ledger, published, steward
from allears.know.appearances import KIND_OF, Digest, appearances, weave
from allears.know.components import Components, keys_of
from allears.know.identified import Identified, arrived_at, edge_sources, fill, times
from allears.know.identifiers import ACCOUNT, HANDLE, PEOPLE, former, normalise
from allears.know.limits import Limits
from allears.know.memory import Memory
from allears.know.relationship import Rules, ranks
from allears.know.steward import MergeId

_GONE = ("profiles", "acts", "identifiers", "links", "history")
_AT_ONCE = 500  # databases limit the parameters of one statement


class Graph:
    """Who is who.

    Parameters
    ----------
    desk
        Where identifiers and links are kept.
    digest
        ``digest(purpose, values)``: keyed digests, at least 32 hexadecimal digits each.
    region
        ISO country assumed for phone numbers without a prefix.
    limits
        How much one customer may hold.
    rules
        Who is an employee and who a partner.
    clock
        Gives the time of what stewards do.
    networks
        Gives the networks in which a handle without one is looked up.

    Notes
    -----
    One object may be used from several threads. Several processes may share a desk: each catches up with the others
    before it answers or writes. Only `forget` may be called while the caller holds a transaction of the same desk.
    """

    def __init__(
        self,
        desk: Desk,
        digest: Digest,
        *,
        region: str = "US",
        limits: Limits | None = None,
        rules: Rules | None = None,
        clock: Clock | None = None,
        networks: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._desk, self._digest, self._region = desk, digest, region
        self._rules, self._clock = rules or Rules(), clock or SystemClock()
        self._networks = networks
        self._memory = Memory(desk, limits or Limits(), self._clock)

    def identify(self, arrivals: pa.RecordBatch) -> Identified:
        """Say whose each row is, and learn which identifiers belong together.

        Parameters
        ----------
        arrivals
            A batch of the table ``arrivals``.

        Returns
        -------
        Identified
            Same length and order. Rows without a usable identifier have no customer. A row whose strongest
            identifier is shared by many people is known by its next one.
        """
        seen = appearances(arrivals["identifiers"], self._digest, self._region, self._rules)
        at = times(arrivals)
        said = ranks(arrivals["relationship"])
        told = np.maximum(said, self._rules.of_properties(arrivals["properties"]))
        with self._memory.writing() as writer:
            woven = weave(writer.components, seen, at, np.maximum(told, 0))
            writer.settle(arrived_at(arrivals, at), edge_sources(woven, arrivals["source"]))
            return fill(arrivals, seen, woven, writer.components, said, told, self._digest)

    def merge(self, left_customer: str, right_customer: str, why: str, actor: str) -> MergeId:
        """Make two customers one, by hand.

        Raises
        ------
        NotFound
            One of the ids names nobody.
        Refused
            They are one already, a limit forbids it (two user ids are two customers, whoever says otherwise), or somebody keeps them apart.
        """
        with self._memory.writing() as writer:
            return steward.merge(writer, left_customer, right_customer, why, actor, self._clock.now())

    def foresee(self, left_customer: str, right_customer: str) -> tuple[str, str]:
        """Say which customer would stay if two were joined, and which limit would forbid it, empty if none does. Nothing is changed.

        Raises
        ------
        NotFound
            One of the ids names nobody.
        """
        with self._memory.writing() as writer:
            return steward.foresee(writer, left_customer, right_customer, self._clock.now())

    def introduce(self, customers: Sequence[str], type: str, values: Sequence[str], source: str) -> None:
        """Give known customers one more identifier each, such as the name under which an answer will come back.

        Raises
        ------
        NotFound
            One of the ids names nobody.
        """
        digests = list(self._digest(type, [normalise(type, v, self._region) or "" for v in values]))
        high, low = keys_of(digests)
        with self._memory.writing() as writer:
            components = writer.components
            at = np.full(len(digests), int(ledger.microseconds([self._clock.now()])[0]), np.int64)
            nodes = components.find(high)
            new = np.flatnonzero(nodes < 0)
            nodes[new] = components.add((high[new], low[new]), np.full(len(new), KIND_OF[type]), at[new])
            anchors = np.array([steward.anchor_of(writer, customer) for customer in customers], np.int64)
            edges = components.link(anchors, nodes, at)
            writer.settle(int(at[0]) if len(at) else 0, {int(edge): source for edge in edges if edge >= 0})

    def cut(self, left_digest: str, right_digest: str, why: str, actor: str) -> MergeId:
        """Take back what events say of two identifiers, so that two people joined by mistake part for good."""
        with self._memory.writing() as writer:
            return steward.cut(writer, left_digest, right_digest, why, actor, self._clock.now())

    def disown(self, customer: str, digest: str, why: str, actor: str) -> list[MergeId]:
        """Take an identifier from a customer it was taken for by mistake, for good; what it says is its own customer's then.

        Raises
        ------
        NotFound
            This customer has no such identifier.
        Refused
            It is the only one, or it was joined by hand.
        """
        with self._memory.writing() as writer:
            return steward.disown(writer, customer, digest, why, actor, self._clock.now())

    def keep_apart(self, left_customer: str, right_customer: str, why: str, actor: str) -> MergeId:
        """Keep two customers two by hand, whatever links arrive; `unmerge` takes it back.

        Raises
        ------
        NotFound
            One of the ids names nobody.
        Refused
            They are one customer, or kept apart already.
        """
        with self._memory.writing() as writer:
            return steward.keep_apart(writer, left_customer, right_customer, why, actor, self._clock.now())

    def kept_apart(self, left_customer: str, right_customer: str) -> list[MergeId]:
        """Give the acts by which stewards keep two customers apart."""
        with self._memory.reading() as components:
            nodes = components.find(
                np.array([ledger.number_of(c) for c in (left_customer, right_customer)], np.uint64)
            )
            return (
                [f"apart_{act}" for act in components.kept_apart(*nodes.tolist())] if min(nodes) >= 0 else []
            )

    def unmerge(self, merge_id: MergeId, actor: str = "") -> None:
        """Undo a merge, a cut or a keeping apart exactly: customers are as if it had never been done.

        Raises
        ------
        NotFound
            There is no such act.
        Refused
            It was undone already.
        """
        with self._memory.writing() as writer:
            steward.undo(writer, merge_id, actor, self._clock.now())

    def customer_of(self, type: str, value: str) -> str | None:
        """Look up whose identifier this is; ``None`` when it was never seen or is blocked.

        A handle without a network is looked for in all of them; ``None`` when it is several customers'.
        """
        return self._one(type, value, Identifier.customer)

    def digest_of(self, type: str, value: str) -> str | None:
        """Give the digest of an identifier that is known; ``None`` when it was never seen."""
        return self._one(type, value, Identifier.digest)

    def _one(self, type: str, value: str, column: InstrumentedAttribute[str]) -> str | None:
        forms = self._forms(type, value, self._networks() if type == HANDLE else ())
        with self._desk.reading() as session:
            wanted = Identifier.digest.in_(self._digest(type, forms) if forms else ())
            found = list(session.scalars(select(column).where(wanted).distinct()))
        return found[0] if len(found) == 1 else None

    def _forms(self, type: str, value: str, networks: Sequence[str]) -> list[str]:
        """Give all forms under which an identifier may be known; none when it is blocked."""
        form = normalise(type, value, self._region)
        if form is None or type == ACCOUNT:
            return []
        if type != HANDLE:
            return [form]
        if ":" in form:
            return [form, *former(value, self._region)]
        return [form, *(f"{network.lower()}:{form}" for network in networks)]

    def digests_of_values(self, values: Sequence[str]) -> list[set[str]]:
        """Give for each value the digests it would have as an identifier, of whichever type."""
        networks = self._networks()
        found: list[set[str]] = [set() for _ in values]
        for type in PEOPLE:
            forms = [
                (place, form) for place, v in enumerate(values) for form in self._forms(type, v, networks)
            ]
            for (place, _), digest in zip(forms, self._digest(type, [f for _, f in forms]), strict=True):
                found[place].add(digest)
        return found

    def customers_of(self, types: Sequence[str], values: Sequence[str]) -> list[str | None]:
        """Look up many at once; ``None`` where `customer_of` gives it."""
        owners = self._owners(types, values)
        return [next(iter(one)) if len(one) == 1 else None for one in owners]

    def known_handles(self, handles: Collection[str]) -> set[str]:
        """Pick the handles that are some customer's, on whichever network."""
        some = sorted(handles)
        owners = self._owners([HANDLE] * len(some), some)
        return {handle for handle, found in zip(some, owners, strict=True) if found}

    def _owners(self, types: Sequence[str], values: Sequence[str]) -> list[set[str]]:
        networks = self._networks() if HANDLE in types else ()
        forms = [self._forms(t, v, networks) for t, v in zip(types, values, strict=True)]
        digests: dict[tuple[str, str], str] = {}
        for kind in set(types):
            mine = list(
                dict.fromkeys(f for t, some in zip(types, forms, strict=True) if t == kind for f in some)
            )
            digests.update(
                zip(((kind, f) for f in mine), self._digest(kind, mine) if mine else (), strict=True)
            )
        wanted = sorted(set(digests.values()))
        found: dict[str, str] = {}
        with self._desk.reading() as session:
            for start in range(0, len(wanted), 500):
                some = select(Identifier.digest, Identifier.customer).where(
                    Identifier.digest.in_(wanted[start : start + 500])
                )
                found.update({row[0]: row[1] for row in session.execute(some)})
        return [
            {found[d] for form in some if (d := digests[kind, form]) in found}
            for kind, some in zip(types, forms, strict=True)
        ]

    def resolve_keys(self, customer_keys: pa.Array) -> pa.Array:
        """Give today's customer for each key recorded earlier; keys that name nobody any more stay as they are."""
        different = customer_keys.dictionary_encode()
        keys = different.dictionary.to_pylist()
        with self._memory.reading() as components:
            nodes = components.find(np.array([ledger.number_of(k) for k in keys], np.uint64))
            known = np.flatnonzero(nodes >= 0)
            now = ledger.customers(components, components.owner(nodes[known]))
        for place, customer in zip(known.tolist(), now, strict=True):
            keys[place] = customer
        return pa.array(keys, pa.string()).take(different.indices)

    def keys_of(self, customer: str) -> list[str]:
        """Give every key under which this customer's signals were written, today's first.

        Each key belongs to exactly one customer of today. What was written while two customers were one, by mistake, stays
        under the key it got; `digests_of` finds those signals by their identifiers.
        """
        with self._memory.reading() as components:
            members = _members(components, customer)
            if not len(members):
                return []
            today = ledger.customers(components, components.owner(members[:1]))[0]
            own = ledger.customers(components, members)
        with self._desk.reading() as session:
            used = select(IdentityHistory.customer).where(IdentityHistory.customer.in_(own)).distinct()
            return [today, *sorted(set(session.scalars(used)) - {today})]

    def belongings(self, customers: Sequence[str]) -> list[tuple[list[str], list[str]]]:
        """Give for each customer the digests of their own identifiers, and the ids that these once made: read at once, for many."""
        with self._memory.reading() as components:
            return [
                (ledger.digests(components, members), ledger.customers(components, members))
                for members in _members_each(components, customers)
            ]

    def digests_of(self, customer: str) -> list[str]:
        """Give the digests of all identifiers of a customer."""
        with self._memory.reading() as components:
            return ledger.digests(components, _members(components, customer))

    def forget(self, session: Session, customer: str) -> dict[str, int]:
        """Delete everything that leads to a customer, inside the caller's transaction.

        Returns
        -------
        dict
            How many ``profiles``, ``acts``, ``identifiers``, ``links`` and ``history`` are gone; all 0 when nobody is known.
        """
        return self.forget_each(session, {customer: customer})[customer]

    def forget_each(self, session: Session, ids: Mapping[str, str]) -> dict[str, dict[str, int]]:
        """Do the same for many customers at once; returns what went of each.

        Parameters
        ----------
        ids
            Ids that lead to those who are to be forgotten, and under which name each is counted.
        """
        counts = {customer: dict.fromkeys(_GONE, 0) for customer in ids.values()}
        with self._memory.joining(session) as writer:
            each = zip(ids.values(), _members_each(writer.components, list(ids)), strict=True)
            held = [(customer, nodes) for customer, nodes in each if len(nodes)]
            if not held:
                return counts
            members = np.unique(np.concatenate([nodes for _, nodes in held]))
            whose = np.empty(len(members), object)
            for customer, nodes in held:
                whose[np.searchsorted(members, nodes)] = customer
            own = dict(zip(ledger.customers(writer.components, members), whose, strict=True))
            texts = dict(zip(ledger.digests(writer.components, members), whose, strict=True))
            edges = writer.components.forget(members)
            ledger.erase(session, writer.components, members, edges)
            for kind, customer in _gone(session, own, texts):
                counts[customer][kind] += 1
            for customer in whose:
                counts[customer]["identifiers"] += 1
            for end in ledger.ends(writer.components, edges, members):
                counts[whose[end]]["links"] += 1
            writer.settle(int(ledger.microseconds([self._clock.now()])[0]))
            writer.forgot()
        return counts

    def identities(self) -> pa.Table:
        """Give the table ``identities``: who belongs to whom now, and to whom before."""
        with self._desk.reading() as session:
            return published.identities(session)

    def links(self) -> pa.Table:
        """Give the table ``links``: pairs that hold, or held until they were cut."""
        with self._desk.reading() as session:
            return published.links(session)

    def acts(self) -> list[dict[str, Any]]:
        """List what was joined, cut and kept apart by hand, newest first, with the customers it concerns today."""
        with self._desk.reading() as session:
            return published.acts(session)

    def refusals(self) -> pa.Table:
        """Give the links that were refused, and why (see `allears.know.published.REFUSALS`)."""
        with self._desk.reading() as session:
            return published.refusals(session)


def _members(components: Components, customer: str) -> Any:
    node = int(components.find(np.array([ledger.number_of(customer)], np.uint64))[0])
    return components.members(node) if node >= 0 else np.zeros(0, np.int64)


def _members_each(components: Components, customers: Sequence[str]) -> list[Any]:
    nodes = components.find(np.array([ledger.number_of(c) for c in customers], np.uint64))
    known = iter(components.members_each(nodes[nodes >= 0]))
    return [next(known) if node >= 0 else np.zeros(0, np.int64) for node in nodes]


def _gone(session: Session, own: dict[str, str], digests: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Delete what stands under customers' ids and identifiers' digests; tell of each row what it was and whose."""
    for some in _chunks(own):
        either = or_(Profile.customer.in_(some), Profile.subject.in_(some))
        for customer, subject in session.execute(
            delete(Profile).where(either).returning(Profile.customer, Profile.subject)
        ):
            yield "profiles", own.get(customer) or own[subject]
        session.execute(
            delete(ProbableLink).where(or_(ProbableLink.left.in_(some), ProbableLink.right.in_(some)))
        )
    for some in _chunks(digests):
        either = or_(StewardAct.left.in_(some), StewardAct.right.in_(some))
        for left, right in session.execute(
            delete(StewardAct).where(either).returning(StewardAct.left, StewardAct.right)
        ):
            yield "acts", digests.get(left) or digests[right]
        past = delete(IdentityHistory).where(IdentityHistory.digest.in_(some))
        for digest in session.scalars(past.returning(IdentityHistory.digest)):
            yield "history", digests[digest]


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    given = iter(values)
    while some := list(islice(given, _AT_ONCE)):
        yield some
