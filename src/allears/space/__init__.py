"""The Python door: a space is one company's folder, and everything that can be asked of it, in one file per subject."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from allears.clock import Clock
from allears.journey import lay
from allears.settings import Settings
from allears.space.ask import CONTRACT, Asking
from allears.space.erase import ErasedMany, Erasing
from allears.space.hear import Hearing
from allears.space.protect import Protecting
from allears.space.segments import Segmenting

__all__ = ["CONTRACT", "ErasedMany", "Space"]


class Space(Hearing, Asking, Segmenting, Erasing, Protecting):
    """One company's folder. Use `open`; close it, or use it as a context manager.

    Examples
    --------
    >>> import tempfile
    >>> with Space.open(Path(tempfile.mkdtemp()) / "acme") as space:
    ...     receipt = space.hear([{"text": "My parcel never came", "identifiers": {"user_id": "u1"}}], source="mail")
    ...     done = space.digest()
    ...     space.signals.count().to_pyarrow().as_py()
    1
    """

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        create: bool = True,
        clock: Clock | None = None,
        settings: Settings | None = None,
        environment: Mapping[str, str] | None = None,
        key: str = "file",
    ) -> Space:
        """Open a space; it is created when new, unless ``create`` is false. ``environment`` holds the password of a desk on PostgreSQL (default: the process's); ``key`` says where a new space's key comes from.

        Erasures that were cut off are finished first.
        """
        given = os.environ if environment is None else environment
        space = cls(
            lay(Path(folder), clock=clock, create=create, settings=settings, environment=given, key=key)
        )
        try:
            space._finish_erasures()
        except BaseException:
            space.close()
            raise
        return space

    def __enter__(self) -> Space:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
