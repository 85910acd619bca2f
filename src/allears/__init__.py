"""Allears: all ears for the people who answer for customers.

>>> import allears
>>> sorted(allears.__all__)
['Space', 'open']
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from allears.space import Space

__all__ = ["Space", "open"]


def open(folder: str | Path, **options: Any) -> Space:
    """Open a space: one company's folder; it is created when new. Options as `Space.open`."""
    from allears.space import Space

    return Space.open(folder, **options)


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `import allears.guard` alone stays light.
    if name == "Space":
        from allears.space import Space

        return Space
    raise AttributeError(f"module 'allears' has no attribute {name!r}")
