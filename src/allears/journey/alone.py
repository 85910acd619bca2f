"""Digesting alone: a lock on the space's folder, and the ids that were counted in memory."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import IO, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy.orm import Session

from allears.desk.digesting import News
from allears.errors import NotReady
from allears.journey.amend import Amended, deleted_ids
from allears.journey.ground import Ground
from allears.journey.heard import count_past
from allears.journey.take import pending_ids
from allears.lake import Seen
from allears.lake.seen import Hashes


class Claims(Protocol):
    """Which part of the inbox a worker may take over, and which ids count there."""

    starts: dict[str, int] | None
    """Where the segments of the batch stand, where somebody else might move them; else ``None``."""

    def offered(self) -> Iterator[tuple[str, int | None]]:
        """Name segments to look into, oldest first, each with where its batch must end if that is settled."""

    def change(self, ids: Hashes) -> None:
        """Claim ids of signals that the batch edits or deletes."""

    def new(self, ids: Hashes, positions: dict[str, int]) -> npt.NDArray[np.bool_]:
        """Claim ids of signals that the batch brings; returns which rows count."""

    def failed(self) -> None:
        """Give back what was claimed: the batch is not stored, and is done again."""

    def release(self) -> bool:
        """Give back a segment in which nothing whole was found; whether there was one."""

    def stored(self, session: Session, signals: pa.RecordBatch | None, amended: Amended) -> None:
        """Note in a transaction that the batch is in the lake."""

    def forget(self, ids: Sequence[str]) -> None:
        """Let signals that were deleted never count again."""

    def profiles(self) -> AbstractContextManager[None]:
        """Keep others from changing profiles meanwhile."""

    def leads(self) -> bool:
        """Whether this worker is the one that watches, publishes and tidies."""

    def news(self) -> list[News]:
        """Give what others stored since the last call, to the one that leads."""

    def close(self) -> None:
        """Let others digest."""


class Alone:
    """One worker, which has the space to itself.

    Raises
    ------
    NotReady
        Another process digests this space already.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.starts: dict[str, int] | None = None
        self._lock = _hold(ground)
        try:
            self._seen = Seen(known_hashes(ground))
            self.forget(deleted_ids(ground))
            self._before = self._seen.copy()
            count_past(ground)
        except BaseException:
            # Somebody else may have more luck with the lake.
            self._lock.close()
            raise

    def offered(self) -> Iterator[tuple[str, int | None]]:
        """Name all segments, oldest first."""
        self._before = self._seen.copy()
        return ((segment, None) for segment in self._ground.inbox.segments())

    def change(self, ids: Hashes) -> None:
        """Claim nothing: nobody else is here."""

    def new(self, ids: Hashes, positions: dict[str, int]) -> npt.NDArray[np.bool_]:
        """Count ids that were not seen yet."""
        return self._seen.add(ids)

    def failed(self) -> None:
        """Forget what this batch counted."""
        # Ids count as seen once they are stored: else the next try would take this batch for duplicates, and lose it.
        self._seen = self._before

    def release(self) -> bool:
        """Give nothing back."""
        return False

    def stored(self, session: Session, signals: pa.RecordBatch | None, amended: Amended) -> None:
        """Note nothing: nobody else needs to know."""

    def forget(self, ids: Sequence[str]) -> None:
        """Count these as seen."""
        if ids:
            self._seen.add(hashed(self._ground, pa.array(ids, pa.string())))

    def profiles(self) -> AbstractContextManager[None]:
        """Keep nobody out: nobody else is here."""
        return nullcontext()

    def leads(self) -> bool:
        """Lead, always."""
        return True

    def news(self) -> list[News]:
        """Give nothing: nobody else stores."""
        return []

    def close(self) -> None:
        """Let another process digest."""
        self._lock.close()


def known_hashes(ground: Ground, *, pending: bool = False) -> Hashes:
    """Hashes of the ids of the last days, and of what waits in the inbox if asked."""
    since = ground.clock.now() - timedelta(days=ground.settings.lake.dedup_days)
    rows = ground.engine.near.query(
        "SELECT hash(signal_id) AS h FROM signals WHERE received_at >= $since", since=since
    )
    hashes = rows["h"].to_numpy()
    if pending:
        hashes = np.concatenate([hashes, hashed(ground, pending_ids(ground))])
    return np.asarray(hashes, dtype=np.uint64)


def hashed(ground: Ground, ids: pa.Array) -> Hashes:
    """Hash signal ids."""
    return np.asarray(ground.engine.hashes(ids).to_numpy(zero_copy_only=False), np.uint64)


def _hold(ground: Ground) -> IO[bytes]:
    lock = open(ground.folder / "digest.lock", "ab")  # noqa: SIM115 - held for as long as this process digests
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise NotReady("another process digests this space", place=str(ground.folder)) from None
    return lock
