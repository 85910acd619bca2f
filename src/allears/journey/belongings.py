"""What belongs to a customer, whatever they were taken for when it came."""

from __future__ import annotations

from allears.journey.ground import Ground


def keys_used(ground: Ground, customer: str) -> list[str]:
    """Give every key that something of this customer may be sealed under, those from before a merge or a parting included."""
    # Signals written while two people were taken for one lie under the other's key: their own identifiers tell.
    rows = ground.engine.near.query(
        """SELECT DISTINCT customer_key FROM signals
           WHERE list_has_any(list_transform(identifiers, lambda i: i.digest), $digests) AND customer_key IS NOT NULL""",
        digests=ground.graph.digests_of(customer),
    )
    return sorted({customer, *ground.graph.keys_of(customer), *rows["customer_key"].to_pylist()})
