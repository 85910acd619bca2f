"""Households, learnt as signals are digested: who told one family name at one address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from allears.journey.belonging import sealer, strongest_of
from allears.journey.ground import Ground
from allears.know.accounts import Belongs, move_house, put_households, relate
from allears.know.household import HOUSEHOLD, MEMBER, household_form, last_told
from allears.know.identified import Identified


def learn_households(
    ground: Ground,
    arrivals: pa.RecordBatch,
    who: Identified,
    told: Sequence[Sequence[tuple[str, str]] | None],
) -> int:
    """Note which households a batch tells of: the family name and address that one customer told; returns how many relations are new.

    Parameters
    ----------
    told
        What is known of each row's customer, as `allears.know.profile.Profiles.known` gives it.
    """
    fields = pc.list_flatten(arrivals["personal"])
    homes = pc.equal(pc.struct_field(fields, [0]), "address")
    parents = pc.list_parent_indices(arrivals["personal"])
    rows = sorted(set(parents.filter(homes).to_pylist())) if len(homes) else []
    if not rows:
        return 0
    some, now = arrivals.take(pa.array(rows, pa.int64())), ground.clock.now()
    at = pc.coalesce(some["occurred_at"], some["received_at"]).to_pylist()
    columns = (who.identifiers.take(pa.array(rows)).to_pylist(), some["personal"].to_pylist(), at)
    forms: dict[tuple[str, str], datetime] = {}
    written: dict[tuple[str, str], str | None] = {}
    for place, given, personal, moment in zip(rows, *columns, strict=True):
        own = [(p["type"], p["value"]) for p in personal]
        name = last_told(own, "name") or last_told(told[place] or (), "name")
        address, strongest = last_told(own, "address"), strongest_of(given)
        if not (name and address and strongest):
            continue
        if (name, address) not in written:
            written[name, address] = household_form(name, address)
        if form := written[name, address]:
            key = (strongest, form)
            forms[key] = min(moment, forms.get(key, moment))
    if not forms:
        return 0
    ids = [one[:32] for one in ground.vault.digest(HOUSEHOLD, [form for _, form in forms])]
    belongs = [
        Belongs(digest, one, "consumer", MEMBER, "name and address told", since)
        for ((digest, _), since), one in zip(forms.items(), ids, strict=True)
    ]
    with ground.desk.session() as session:
        # Nearly all of a batch is known already: only what is new is written.
        new = relate(session, belongs, now, again=True)
        put_households(session, [b.account for b in new], now, seal=sealer(ground))
        move_house(session, sorted({b.digest for b in new}))
        return len(new)
