"""What is known of each row of a batch, in the columns of ``signals``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from allears.know import ledger
from allears.know.appearances import KIND_OF_ACCOUNT, Appearances, Digest, Woven
from allears.know.clusters import Ints
from allears.know.components import Components
from allears.know.identifiers import ACCOUNT, TYPES, normalise
from allears.know.relationship import STANDINGS

_PAIR = [pa.field("type", pa.string()), pa.field("digest", pa.string())]


@dataclass(frozen=True)
class Identified:
    """What is known of each row; five columns of one length, ready for ``signals``.

    ``account`` and ``thread`` are keyed digests; ``thread`` is told apart by source.
    """

    identifiers: pa.Array
    customer_key: pa.Array
    relationship: pa.Array
    account: pa.Array
    thread: pa.Array


def fill(
    arrivals: pa.RecordBatch,
    seen: Appearances,
    woven: Woven,
    components: Components,
    said: Ints,
    told: Ints,
    digest: Digest,
) -> Identified:
    """Write the answer for each row of a settled batch."""
    node = node_of_rows(seen, woven, components, arrivals.num_rows)
    known = np.flatnonzero(node >= 0)
    standing = np.zeros(arrivals.num_rows, np.int8)
    standing[known] = components.nodes["standing"][node[known]]
    rank = np.where(said >= 0, said, np.maximum(standing, told))
    return Identified(
        identifiers=_lists(seen, arrivals.num_rows),
        customer_key=_customer_keys(components, node),
        relationship=pa.array(STANDINGS).take(pa.array(rank)),
        account=_accounts(arrivals["account"], seen, digest),
        thread=_threads(arrivals["source"], arrivals["thread"], digest),
    )


def times(arrivals: pa.RecordBatch) -> Ints:
    """Give when each row happened, us; when it came where that is not said."""
    at = pc.coalesce(arrivals["occurred_at"], arrivals["received_at"]).cast(pa.int64())
    return np.asarray(pc.fill_null(at, 0).to_numpy(zero_copy_only=False))


def arrived_at(arrivals: pa.RecordBatch, at: Ints) -> int:
    """Give when the batch came, us: what is learnt from it holds from then."""
    last = pc.max(arrivals["received_at"].cast(pa.int64())).as_py()
    return int(last if last is not None else at.max(initial=0))


def edge_sources(woven: Woven, source: pa.Array) -> dict[int, str]:
    """Give the source in which each edge was first seen."""
    kept = woven.edges >= 0
    names = pc.fill_null(source.take(pa.array(woven.edge_row[kept])), "").to_pylist()
    return dict(zip(woven.edges[kept].tolist(), names, strict=True))


def node_of_rows(seen: Appearances, woven: Woven, components: Components, rows: int) -> Ints:
    """Pick each row's strongest identifier that is not shared; a shared one where there is no other."""
    people = seen.people()
    nodes = np.full(rows, -1)
    if len(people.row):
        mine = woven.nodes[people.value]
        place = np.arange(len(mine)) + components.nodes["shared"][mine] * len(mine)
        starts = people.starts()
        nodes[people.row[starts]] = mine[np.minimum.reduceat(place, starts) % len(mine)]
    return nodes


def _customer_keys(components: Components, node: Ints) -> pa.Array:
    known = node >= 0
    different, inverse = np.unique(components.nodes["owner"][node[known]], return_inverse=True)
    place = np.zeros(len(node), np.int64)
    place[known] = inverse
    names = pa.array(ledger.customers(components, different), pa.string())
    return names.take(pa.array(place, mask=~known))


def _lists(seen: Appearances, rows: int) -> pa.Array:
    values = seen.values
    types = pa.array(TYPES).take(pa.array(values.kind[seen.value]))
    digests = pa.array([d[:32] for d in values.digests], pa.string()).take(pa.array(seen.value))
    offsets = np.r_[0, np.cumsum(np.bincount(seen.row, minlength=rows))].astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.StructArray.from_arrays([types, digests], fields=_PAIR)
    )


def _accounts(account: pa.Array, seen: Appearances, digest: Digest) -> pa.Array:
    """Give the account a row names; else the first account among its identifiers."""
    different = account.dictionary_encode()
    forms = [normalise(ACCOUNT, text) for text in different.dictionary.to_pylist()]
    named = _digested(forms, ACCOUNT, digest).take(different.indices)
    mine = np.flatnonzero(seen.values.kind[seen.value] == KIND_OF_ACCOUNT)[
        ::-1
    ]  # the first of a row wins: written last
    place = np.full(len(account), -1)
    place[seen.row[mine]] = seen.value[mine]
    among = pa.array([d[:32] for d in seen.values.digests], pa.string()).take(pa.array(place, mask=place < 0))
    return pc.coalesce(named, among)


def _threads(source: pa.Array, thread: pa.Array, digest: Digest) -> pa.Array:
    joined = pc.binary_join_element_wise(pc.fill_null(source, ""), thread, "\x1f")
    different = joined.dictionary_encode()
    return _digested(different.dictionary.to_pylist(), "thread", digest).take(different.indices)


def _digested(forms: list[str | None], purpose: str, digest: Digest) -> pa.Array:
    found = iter(digest(purpose, [f for f in forms if f is not None]))
    return pa.array([None if f is None else next(found)[:32] for f in forms], pa.string())
