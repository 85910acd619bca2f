"""The two options every command has: which space, and JSON or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from allears.errors import NotFound
from allears.settings import FILE

if TYPE_CHECKING:
    from allears.space import Space


@Parameter(name="*")
@dataclass
class Where:
    """Options of every command."""

    space: Annotated[
        Path | None, Parameter(help="The space's folder; default: the nearest allears.toml upwards.")
    ] = None
    json: Annotated[bool, Parameter(negative="", help="Print JSON for scripts.")] = False

    def folder(self) -> Path:
        """Find the space's folder.

        Raises
        ------
        NotFound
            No ``allears.toml`` here or above.
        """
        if self.space is not None:
            return self.space
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / FILE).is_file():
                return folder
        raise NotFound(
            f"no {FILE} here or above; `allears new DIR` makes a space, --space DIR names one",
            place=str(here),
        )

    @contextmanager
    def open(self) -> Iterator[Space]:
        """Open the space for the length of a command."""
        from allears.space import Space

        space = Space.open(self.folder(), create=False)
        try:
            yield space
        finally:
            space.close()


HERE = Where()
