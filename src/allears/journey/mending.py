"""Mappings mended by hand, so that what they refused can be tried again: shown as TOML, replaced, read anew from a pull's file."""

from __future__ import annotations

from collections.abc import Iterable

from allears.errors import NotFound, Refused
from allears.journey.ground import Ground
from allears.journey.mappings import mapping_kept, save_mapping
from allears.journey.pulling import mapping_given
from allears.listen.mapping import read_mapping, write_mapping


def mapping_text(ground: Ground, source: str) -> str | None:
    """Write the mapping by which a source's rows are read as TOML; None where it has none, as sources of webhooks."""
    kept = mapping_kept(ground, source)
    return None if kept is None else write_mapping(kept)


def mend(ground: Ground, source: str, text: str, *, actor: str, place: str = "mapping") -> None:
    """Read a source's rows by another mapping from now on.

    Raises
    ------
    NotFound
        Nothing of that source is read by a mapping.
    Refused
        It is no mapping, or the source is a pull with a mapping of its own in a file.
    """
    if mapping_kept(ground, source) is None:
        raise NotFound("no source of that name is read by a mapping", place="source")
    if any(one.name == source and one.mapping for one in ground.settings.pull):
        raise Refused("this pull's mapping is a file of the space: mend it there", place=f"[[pull]] {source}")
    save_mapping(ground, source, read_mapping(text, place))
    ground.audit.record(actor, "mapping.mend", source)


def read_anew(ground: Ground, sources: Iterable[str]) -> None:
    """Read the mapping files of these pulls again: somebody may have mended them since.

    Raises
    ------
    NotFound
        A file is not there any more.
    Refused
        A file is no mapping; ``place`` names it.
    """
    wanted = set(sources)
    for one in ground.settings.pull:
        found = mapping_given(ground, one) if one.name in wanted else None
        if found is not None and found != mapping_kept(ground, one.name):
            save_mapping(ground, one.name, found, one.channel)
