"""Run the measurements of a checkout: ``bench/NAME.py``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from allears.cli import show
from allears.errors import NotFound

FOLDER = Path(__file__).resolve().parents[3] / "bench"


def bench(name: str | None = None, /, *, json: bool = False) -> None:
    """Measure: speed and accuracy, each figure beside its reference, with the machine it ran on.

    Parameters
    ----------
    name
        Which measurement; without it, they are listed.
    """
    if not FOLDER.is_dir():
        raise NotFound(
            "measurements are part of a checkout of the source, not of the installed package",
            place=str(FOLDER),
        )
    names = sorted(p.stem for p in FOLDER.glob("*.py") if "def rows(" in p.read_text("utf-8"))
    if name is None:
        show.as_json(names) if json else show.out.print("\n".join(names))
        return
    if name not in names:
        raise NotFound(f"no such measurement; there are {', '.join(names)}", place="NAME")
    sys.path.insert(0, str(FOLDER.parent))
    found = importlib.import_module(f"bench.{name}").rows()
    if json:
        show.as_json(found)
        return
    show.rows(found, ("measure", "data", "figure", "unit", "low", "high", "reference", "source"))
    if found:
        show.out.print(found[0]["machine"], style="dim")
