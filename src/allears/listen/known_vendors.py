"""The vendors that can be listened to: those that ship, and those of the space's own folder ``vendors``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from allears.errors import NotFound, Refused
from allears.listen.vendor import Reader, read_vendor

SHIPPED = files("allears.listen") / "vendors"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}\Z")


class Vendors(Mapping[str, Reader]):
    """Adapters by name, read when first asked for; one of the space hides a shipped one of its name.

    Examples
    --------
    >>> Vendors()["github"].vendor.title
    'GitHub issues'
    """

    def __init__(self, own: Path | None = None) -> None:
        self._own = own
        self._read: dict[str, tuple[int, Reader]] = {}

    def __getitem__(self, name: str) -> Reader:
        path = self._own / f"{name}.toml" if self._own is not None else None
        source = path if path is not None and path.is_file() else SHIPPED / f"{name}.toml"
        # A name is no path: nothing outside the two folders is ever read.
        if not NAME.match(name) or not source.is_file():
            raise NotFound(f"no vendor of that name; there are {', '.join(self)}", place="vendor")
        # The space's own may be mended while a server runs.
        stamp = source.stat().st_mtime_ns if isinstance(source, Path) else 0
        if name not in self._read or self._read[name][0] != stamp:
            try:
                found = read_vendor(source.read_text("utf-8"), f"{name}.toml")
            except UnicodeDecodeError:
                raise Refused("expected text in UTF-8", place=f"{name}.toml") from None
            if found.vendor.name != name:
                # What was posted is read by this name later: another's would read it instead.
                raise Refused(
                    f'the file and the `name` in it differ; write name = "{name}"', place=f"{name}.toml"
                )
            self._read[name] = stamp, found
        return self._read[name][1]

    def __iter__(self) -> Iterator[str]:
        own = (
            [p.name for p in self._own.glob("*.toml")] if self._own is not None and self._own.is_dir() else []
        )
        shipped = [p.name for p in SHIPPED.iterdir()]
        return iter(sorted({n.removesuffix(".toml") for n in (*shipped, *own) if n.endswith(".toml")}))

    def __reduce__(self) -> tuple[type[Vendors], tuple[Path | None]]:
        # Another process reads them again.
        return Vendors, (self._own,)

    def __len__(self) -> int:
        return len(list(iter(self)))
