"""A prefix of an S3 bucket: each object is taken once, and again when it changed.

An object is known by its key, size and time of change; one that changed a moment ago waits, since stores tell that time in whole seconds.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from allears.errors import NotFound, Refused, WorldFailed
from allears.listen.pull.folder import FolderOptions, take_files
from allears.listen.pull.page import Ask, Cursor, Page


class BucketOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the kind ``bucket``."""

    pattern: Annotated[str, Meta(description="Which names, with * and ?.")] = "*"
    settle_seconds: Annotated[float, Meta(description="An object unchanged for so long is taken.", ge=2)] = (
        5.0
    )
    region: Annotated[str | None, Meta(description="Of the bucket; null: as the environment says.")] = None
    endpoint: Annotated[str | None, Meta(description="host:port of an S3-compatible store.")] = None
    scheme: Annotated[Literal["https", "http"], Meta(description="How that endpoint is reached.")] = "https"


class Bucket:
    """Reads what lies below ``s3://bucket/prefix``."""

    relists = True

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._options = ask.options_as(BucketOptions)
        self.mapping = ask.mapping
        kind, _, root = ask.needed_url().partition("://")
        self._root = root.rstrip("/")
        if kind != "s3" or not self._root or "@" in self._root.partition("/")[0]:
            raise Refused("expected s3://bucket/prefix, without credentials", place=ask.place)

    def pages(self, cursor: Cursor) -> Generator[Page, None, None]:
        """Take what is whole and new."""
        with self._failing():
            self._store = self._opened()
            listed = self._listed()
        options = FolderOptions(pattern=self._options.pattern)
        yield from take_files(self._ask, options, cursor, listed, self._at_hand, self._finish)

    def _opened(self) -> Any:
        from pyarrow import fs

        key, _, secret = (self._ask.secret or "").partition(":")
        given: dict[str, Any] = {"access_key": key, "secret_key": secret} if secret else {}
        if self._options.endpoint:
            given |= {"endpoint_override": self._options.endpoint, "scheme": self._options.scheme}
        seconds = self._ask.patience.timeout_seconds
        return fs.S3FileSystem(
            region=self._options.region, connect_timeout=seconds, request_timeout=seconds, **given
        )

    def _listed(self) -> dict[str, list[Any]]:
        from pyarrow import fs

        if self._store.get_file_info(self._root.partition("/")[0]).type == fs.FileType.NotFound:
            raise NotFound("no such bucket", place=self._ask.place)
        found = self._store.get_file_info(fs.FileSelector(self._root, recursive=True, allow_not_found=True))
        newest = (self._ask.context().received_at.timestamp() - self._options.settle_seconds) * 1e9
        return {
            one.path[len(self._root) + 1 :]: [one.size, one.mtime_ns]
            for one in sorted(found, key=lambda one: str(one.path))
            if one.type == fs.FileType.File and one.mtime_ns <= newest
        }

    @contextmanager
    def _at_hand(self, name: str) -> Iterator[Path]:
        # A copy that is gone after reading: the readers need a file that can be read twice. Keys may be longer than file names.
        if "//" in name or name.startswith("/"):
            raise Refused("Arrow reads no key with an empty part (//)")
        suffixes = "".join(PurePosixPath(name.lower()).suffixes[-2:])[-20:]
        with tempfile.TemporaryDirectory(prefix="allears-") as folder:
            path = Path(folder) / f"object{suffixes}"
            with (
                self._failing(),
                self._store.open_input_stream(f"{self._root}/{name}", compression=None) as source,
                path.open("wb") as target,
            ):
                shutil.copyfileobj(source, target, 1 << 20)
            yield path

    def _finish(self, name: str, known: list[Any]) -> bool:
        from pyarrow import fs

        if "//" in name or name.startswith("/"):
            return True
        with self._failing():
            now = self._store.get_file_info(f"{self._root}/{name}")
        return now.type == fs.FileType.NotFound or [now.size, now.mtime_ns] == known

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            # Its words may hold addresses and keys: only what kind of failure it was is told.
            why = "access denied" if "ACCESS_DENIED" in str(error) else type(error).__name__
            raise WorldFailed(f"the store failed: {why}", place=self._ask.place, again=True) from None
