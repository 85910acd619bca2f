"""A Maildir: one file for each message, in ``new`` until somebody saw it, then in ``cur``. It is only looked at, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_KEPT = ("new", "cur")
_MOVES = 10  # each change of a flag gives a message another name


def is_maildir(path: Path) -> bool:
    """Tell whether a folder is a Maildir."""
    return all((path / part).is_dir() for part in (*_KEPT, "tmp"))


def letters_bytes(path: Path) -> int:
    """Count the bytes of all messages."""
    return sum(size for _, size in _files(path))


class Letters:
    """The messages of a Maildir, in the order of their names, which begin with the time of delivery."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def __enter__(self) -> Letters:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def position(self) -> int:
        """Say how many bytes have been read."""
        return self._read

    def messages(self, longest: int) -> Iterator[bytes | None]:
        """Yield each message; None for one that is too long. One that a mail program moves meanwhile is found where it went."""
        for file, size in _files(self._path):
            self._read += size
            if size > longest:
                yield None
                continue
            raw = self._found(file)
            if raw is not None:
                yield raw

    def _found(self, file: Path) -> bytes | None:
        """Read a message, wherever it is by now; None when it was deleted meanwhile."""
        for _ in range(_MOVES):
            with suppress(FileNotFoundError):
                return file.read_bytes()
            moved = next((f for f in (self._path / "cur").iterdir() if _name(f) == _name(file)), None)
            if moved is None:
                return None
            file = moved
        return None


def _files(path: Path) -> list[tuple[Path, int]]:
    found: dict[str, tuple[Path, int]] = {}
    for part in _KEPT:
        for file in (path / part).iterdir():
            try:
                if file.is_file() and not file.name.startswith("."):
                    found[_name(file)] = (file, file.stat().st_size)
            except FileNotFoundError:
                continue
    return [found[name] for name in sorted(found)]


def _name(file: Path) -> str:
    # After the colon stand flags, which change when somebody reads or answers.
    return file.name.partition(":")[0]
