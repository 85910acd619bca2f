"""Which rules redact: a name that changes whenever they do, so that figures about them say what they are about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable


def method(level: str, also: Sequence[str] = (), keep: Sequence[str] = (), spotter: str = "") -> str:
    """Name the way of redacting: its level, a digest of rules and word lists, and a digest of what was configured.

    Examples
    --------
    >>> method("strict") == method("strict"), method("strict") == method("strict", also=["date"])
    (True, False)
    """
    options = repr((sorted(also), sorted(keep), spotter))
    made = hashlib.sha256(f"{rules()} {options}".encode()).hexdigest()[:12]
    return f"{level}, rules {made}"


@cache
def rules() -> str:
    """Digest the package's own files."""
    told = hashlib.sha256()
    for name, content in sorted(_contents(files("allears.guard.redaction"), "")):
        told.update(f"{name} {len(content)} ".encode() + content)
    return told.hexdigest()


def _contents(folder: Traversable, path: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _contents(entry, f"{path}{entry.name}/") if entry.name != "__pycache__" else []
        elif not entry.name.endswith(".pyc"):
            found.append((path + entry.name, entry.read_bytes()))
    return found
