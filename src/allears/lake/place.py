"""Where the lake's tables lie: a folder, or a prefix of a bucket that speaks S3's API.

A bucket is written through delta-rs, each commit by a conditional write: a store that cannot refuse to overwrite an
object cannot hold the lake. It is read through copies: a file of the lake is written once and never changed, so it is
fetched once, and questions are answered from this machine's disk as they are with a folder.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from deltalake.exceptions import DeltaError, TableNotFoundError

from allears.errors import AllearsError, NotFound, Refused, WorldFailed
from allears.lake.bucket import Bucket, bucket_failed, claim, client_of, filesystem_of, root_of

PLACE = "allears.toml [lake] url"
_TIMEOUT = 20.0
UNUSED_SECONDS = 3600
"""Copies of files that are no longer in a table stay so long, for questions that began before."""


class Place:
    """Where tables lie.

    Parameters
    ----------
    folder
        The tables, or the copies of what a bucket holds.
    bucket
        Where the tables are, if not in the folder.
    owner
        What names the space: a prefix of a bucket that another space uses is refused. Without it nothing is checked.

    Raises
    ------
    Refused
        The address is not ``s3://bucket/prefix``.
    """

    def __init__(self, folder: Path, bucket: Bucket | None = None, owner: str = "") -> None:
        self.folder, self.bucket, self._owner = folder, bucket, owner
        self._claimed = False
        self.options: dict[str, str] | None = None
        self._gone: dict[str, float] = {}
        if bucket is not None:
            self._root = "/".join(root_of(bucket, PLACE))
            self.options = _options(bucket)
        folder.mkdir(parents=True, exist_ok=True)

    def __repr__(self) -> str:
        """Name the place, and nothing of how to get in."""
        return f"Place({self.uri('')!r})"

    def uri(self, name: str) -> str:
        """Give a table's address."""
        return str(self.folder / name) if self.bucket is None else f"s3://{self._root}/{name}"

    def below(self, name: str, uri: str) -> str:
        """Give a file's place below its table; in a folder the table's address may be relative, or lead through links."""
        if self.bucket is None:
            return os.path.relpath(os.path.realpath(uri), os.path.realpath(self.uri(name)))
        return uri[len(self.uri(name)) + 1 :]

    def local(self, name: str, uris: Sequence[str]) -> list[str]:
        """Give a table's files as paths on this machine; what is not here yet is fetched."""
        if self.bucket is None:
            return list(uris)
        paths = []
        for uri in uris:
            place = self.below(name, uri)
            path = self.folder / name / place
            paths.append(str(path))
            if not path.exists():
                self._fetch(f"{self._root}/{name}/{place}", path)
        return paths

    def tables(self) -> list[str]:
        """Name the tables that are here."""
        if self.bucket is None:
            return sorted(log.parent.name for log in self.folder.glob("*/_delta_log"))
        return sorted({Path(path).parent.parent.name for path in self._listed("") if "/_delta_log/" in path})

    def log(self, name: str, scratch: Path) -> Iterator[tuple[Path, Path]]:
        """Give each entry of a table's log, in order: its place below the table, and a file on this machine, fetched into ``scratch`` from a bucket."""
        if self.bucket is None:
            for entry in sorted((self.folder / name / "_delta_log").iterdir()):
                yield entry.relative_to(self.folder / name), entry
            return
        root = f"{self._root}/{name}"
        for path in sorted(self._listed(f"{name}/_delta_log")):
            place = path[len(root) + 1 :]
            self._fetch(path, scratch / name / place)
            yield Path(place), scratch / name / place

    def claim(self) -> None:
        """See, once, that this place is this space's own.

        Raises
        ------
        Refused
            It is another space's.
        """
        if self.bucket is None or not self._owner or self._claimed:
            return
        try:
            claim(client_of(self.bucket, PLACE, _TIMEOUT), self._owner, PLACE)
        except AllearsError:
            raise
        except Exception as error:
            raise bucket_failed(error, PLACE) from None
        self._claimed = True

    def demand_nothing(self) -> None:
        """Insist that nothing lies at this place.

        Raises
        ------
        Refused
            Something does.
        """
        if any(self._listed("")):
            raise Refused("there is something at this place; a lake needs one of its own", place=PLACE)

    def take(self, folder: Path) -> None:
        """Put the tables of a folder into this bucket, where there must be nothing yet: files first, then their logs, oldest first.

        Raises
        ------
        Refused
            There is something at this place.
        WorldFailed
            The bucket is away, or refuses; what was put there stays, and is no table until its log is there.
        """
        self.demand_nothing()
        paths = [path for path in folder.rglob("*") if path.is_file()]
        for path in sorted(paths, key=lambda path: (path.parent.name == "_delta_log", str(path))):
            key = f"{self._root}/{path.relative_to(folder)}"
            with self.told(key), path.open("rb") as source, self._files.open_output_stream(key) as target:
                shutil.copyfileobj(source, target, 1 << 20)

    def _listed(self, below: str) -> list[str]:
        from pyarrow import fs

        chosen = fs.FileSelector(f"{self._root}/{below}".rstrip("/"), recursive=True, allow_not_found=True)
        with self.told(below):
            return [found.path for found in self._files.get_file_info(chosen) if found.is_file]

    def forget(self, name: str, paths: Sequence[str], *, now: bool = False) -> None:
        """Remove copies of files that have not been among these for an hour, or are not now."""
        if self.bucket is None:
            return
        moment = time.monotonic()
        gone = {str(path) for path in (self.folder / name).rglob("*.parquet")} - set(paths)
        self._gone = {
            path: at
            for path, at in self._gone.items()
            if path in gone or not path.startswith(str(self.folder / name))
        }
        for path in gone:
            if now or moment - self._gone.setdefault(path, moment) >= UNUSED_SECONDS:
                Path(path).unlink(missing_ok=True)

    def settle(self) -> None:
        """Wait until everything written is safe: a bucket has it when it says so, a folder when the disk has it."""
        if self.bucket is None:
            # The lake's writer does not fsync; a power cut could otherwise take what the inbox no longer holds.
            os.sync()

    def failure(self, error: Exception, name: str) -> WorldFailed | NotFound:
        """Say what failed. Of a bucket's words only the kind is told: they hold addresses and names of keys."""
        if self.bucket is None:
            return WorldFailed(f"the lake refused a commit ({type(error).__name__})", place=name, again=True)
        return bucket_failed(
            error, PLACE, why="refused a commit" if isinstance(error, DeltaError) else "cannot be reached"
        )

    @contextmanager
    def told(self, name: str) -> Iterator[None]:
        """Turn what a bucket's clients raise into words of ours."""
        try:
            yield
        except TableNotFoundError:
            raise
        except (DeltaError, OSError) as error:
            if self.bucket is None:
                raise
            raise self.failure(error, name) from None

    @cached_property
    def _files(self) -> Any:
        return filesystem_of(self.bucket) if self.bucket is not None else None

    def _fetch(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, whoever else fetches it.
        half = path.with_suffix(f".{os.getpid():x}{os.urandom(4).hex()}.part")
        try:
            with (
                self.told(key),
                self._files.open_input_stream(key, compression=None) as source,
                half.open("wb") as target,
            ):
                shutil.copyfileobj(source, target, 1 << 20)
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)


def _options(bucket: Bucket) -> dict[str, str]:
    given = {
        "aws_region": bucket.region,
        "aws_endpoint_url": bucket.endpoint,
        "aws_allow_http": "true" if bucket.endpoint.startswith("http://") else "",
        "aws_access_key_id": bucket.key,
        "aws_secret_access_key": bucket.secret,
        "aws_session_token": bucket.token,
        # A commit is an object that must not be there yet.
        "aws_conditional_put": "etag",
        "max_retries": "3",
        "retry_timeout": "20s",
        "timeout": "60s",
    }
    return {name: value for name, value in given.items() if value}
