"""Which network the handles of a source belong to."""

from __future__ import annotations

from allears.journey.ground import Ground
from allears.journey.mappings import mapping_kept
from allears.listen.networks import network_of


def network(ground: Ground, source: str) -> str:
    """Name a source's network: as the settings say, else its mapping, else what it is called after."""
    said = ground.settings.listen.networks.get(source)
    mapping = None if said else mapping_kept(ground, source)
    return said or (mapping.network if mapping else None) or network_of(source)
