"""The seam for a model: anything that reads texts and says where something personal stands."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from typing import Protocol

from allears.errors import NotFound, Refused
from allears.guard.redaction.rule import Find

GROUP = "allears.spotters"
_TYPE = re.compile(r"[A-Z]{2,12}")


class Spotter(Protocol):
    """Reads a batch of texts; for each, says (start, end, type) in characters, type in capitals such as NAME.

    What it finds is hidden besides what the rules find: a model can add, never uncover.
    """

    def __call__(self, texts: Sequence[str], /) -> Sequence[Iterable[tuple[int, int, str]]]:
        """Say for each text what stands where."""


def load_spotter(name: str) -> Spotter | None:
    """Find a spotter by ``module:callable`` or by its name among the entry points ``allears.spotters``; none for "".

    Raises
    ------
    NotFound
        Nothing of that name is installed.
    """
    if not name:
        return None
    try:
        if ":" in name:
            module, _, attribute = name.partition(":")
            found = getattr(importlib.import_module(module), attribute)
        else:
            found = next(iter(entry_points(group=GROUP, name=name))).load()
    except (ImportError, AttributeError, StopIteration):
        raise NotFound("no such spotter is installed", place="guard.spotter", name=name) from None
    spotter: Spotter = found
    return spotter


def ask(spotter: Spotter, texts: Sequence[str]) -> list[list[Find]]:
    """Ask a spotter and check what it says, so that a wrong offset is an error and not a leak."""
    told = spotter(texts)
    if len(told) != len(texts):
        raise Refused(
            "expected one answer for each text", place="spotter", texts=len(texts), answers=len(told)
        )
    finds = [[Find(*find) for find in some] for some in told]
    for text, some in zip(texts, finds, strict=True):
        for start, end, type_ in some:
            if not (0 <= start < end <= len(text) and _TYPE.fullmatch(type_)):
                raise Refused("expected start < end within the text, and a type in capitals", place="spotter")
    return finds
