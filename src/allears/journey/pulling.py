"""From a place that is pulled from to the inbox: each page made durable first, then the cursor moved.

A crash between the two repeats a page, and ids keep it from counting twice: nothing is lost, nothing doubled.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from allears.desk.only import only
from allears.desk.pulling import Pull
from allears.errors import AllearsError, NotFound, NotReady, Refused
from allears.journey.amend import news
from allears.journey.ground import Ground
from allears.journey.mappings import save_mapping
from allears.journey.refusing import keep_refused
from allears.journey.take import Receipt, pending_ids, to_ipc
from allears.lake import Frame, Seen
from allears.lake.inbox import InboxFull
from allears.listen.changed import write_changes
from allears.listen.mapping import Mapping as Columns
from allears.listen.mapping import read_mapping
from allears.listen.plans import Limits
from allears.listen.pull.kinds import make
from allears.listen.pull.page import Ask, Page, Patience
from allears.listen.reading import Context
from allears.settings import PullSettings

FULL_SECONDS = 5.0


def pull(
    ground: Ground,
    name: str,
    environment: Mapping[str, str],
    *,
    given: PullSettings | None = None,
    follow: bool = False,
    stop: threading.Event | None = None,
    patience: Patience | None = None,
    seen: Seen | None = None,
    progress: Callable[[Receipt], None] = lambda receipt: None,
) -> Receipt:
    """Pull once: everything new since the last time; or follow until stopped, where the kind can.

    Parameters
    ----------
    given
        The settings of a pull that is not in ``allears.toml``; its cursor is kept under its name all the same.
    environment
        Where `secret_env` is looked up; handed in by the door.
    seen
        Ids of this source that count as stored; looked up when None.

    Raises
    ------
    NotFound
        No ``[[pull]]`` of that name.
    NotReady
        Another process pulls it just now.
    WorldFailed
        The place failed; what came before is kept, and the next pull goes on from there.
    """
    one = given or setting(ground, name)
    stop = stop or threading.Event()
    receipt = Receipt(source=name)
    with _alone(ground, name):
        mark(ground, name, pulled_at=ground.clock.now())
        try:
            puller = make(_ask(ground, one, environment, follow, stop, patience or Patience()))
            if puller.mapping is not None:
                # Kept, so that refused rows are read the same way when they are replayed.
                save_mapping(ground, name, puller.mapping, one.channel)
            known = seen if seen is not None else seen_of(ground, name, all_time=puller.relists)
            with closing(puller.pages(cursor_of(ground, name))) as pages:
                for number, page in enumerate(pages):
                    _keep(ground, one, page, known, receipt, stop)
                    if number == 0 and follow:  # it works again, though it may go on for days
                        mark(ground, name, failed=None)
                    progress(receipt)
                    if stop.is_set():
                        break
        except AllearsError as error:
            mark(ground, name, failed=error.message)
            raise
        mark(ground, name, failed=None)
    return receipt


def look(
    ground: Ground,
    name: str,
    environment: Mapping[str, str],
    patience: Patience | None = None,
    given: PullSettings | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Show the first rows that a pull would bring, and what it would refuse; nothing is kept, no cursor moves."""
    from allears.listen.mapping import shown_rows

    stop = threading.Event()
    one = given or setting(ground, name)
    puller = make(_ask(ground, one, environment, False, stop, patience or Patience()))
    with closing(puller.pages({})) as pages:
        page = next((page for page in pages if len(page.reading) or page.reading.refused), None)
    if page is None:
        return [], []
    refused = [{"place": r.place, "reason": r.reason} for r in page.reading.refused[:5]]
    return shown_rows(page.reading.arrivals.slice(0, 3)), refused


def setting(ground: Ground, name: str) -> PullSettings:
    """Find a pull's settings."""
    for one in ground.settings.pull:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in ground.settings.pull) or "none yet"
    raise NotFound(f"no [[pull]] of that name in allears.toml; there are: {names}", place=name)


def listed(ground: Ground) -> list[dict[str, Any]]:
    """List the configured pulls and how each stands."""
    with ground.desk.reading() as session:
        kept = {one.name: session.get(Pull, one.name) for one in ground.settings.pull}
    return [
        {
            "name": one.name,
            "kind": one.kind,
            "every_seconds": one.every_seconds,
            "pulled_at": row.pulled_at if row else None,
            "next_at": row.next_at if row else None,
            "failures": row.failures if row else 0,
            "error": row.error if row else None,
            "gap_before": json.loads(row.cursor).get("gap_before") if row else None,
            "secret": "sealed" if row and row.secret else f"${one.secret_env}" if one.secret_env else None,
        }
        for one in ground.settings.pull
        for row in [kept[one.name]]
    ]


def seal_secret(ground: Ground, name: str, secret: str) -> None:
    """Keep a pull's password or key, sealed under the space's key."""
    setting(ground, name)
    with ground.desk.session() as session:
        row = session.get(Pull, name) or Pull(name=name, cursor="{}", failures=0)
        row.secret = ground.vault.seal_space(secret.encode(), "pull", row.name)
        session.add(row)


def forget_cursor(ground: Ground, name: str) -> None:
    """Let the next pull begin anew; what is stored does not count again."""
    setting(ground, name)
    _write(ground, name, cursor="{}")


def cursor_of(ground: Ground, name: str) -> dict[str, Any]:
    """Read how far a pull has come."""
    with ground.desk.reading() as session:
        row = session.get(Pull, name)
        found = json.loads(row.cursor) if row else {}
    return found if isinstance(found, dict) else {}


def mark(ground: Ground, name: str, *, pulled_at: datetime | None = None, **ended: str | None) -> None:
    """Note that a pull began, or how it ended (``failed`` with what, or None)."""
    with ground.desk.session() as session:
        row = session.get(Pull, name) or Pull(name=name, cursor="{}", failures=0)
        row.pulled_at = pulled_at or row.pulled_at
        if "failed" in ended:
            row.error = ended["failed"]
            row.failures = row.failures + 1 if row.error else 0
        session.add(row)


def seen_of(ground: Ground, source: str, *, all_time: bool) -> Seen:
    """Ids of a source that are stored or wait in the inbox: of all time, or of the days in which ids count once."""
    since = "" if all_time else "AND received_at >= $since"
    found = ground.engine.near.query(
        f"SELECT hash(signal_id) AS h FROM signals WHERE source = $source {since}",
        source=source,
        **(
            {}
            if all_time
            else {"since": ground.clock.now() - timedelta(days=ground.settings.lake.dedup_days)}
        ),
    )
    waiting = ground.engine.hashes(pending_ids(ground)).to_numpy(zero_copy_only=False)
    return Seen(np.concatenate([found["h"].to_numpy(), waiting]).astype(np.uint64))


def _keep(
    ground: Ground, one: PullSettings, page: Page, seen: Seen, receipt: Receipt, stop: threading.Event
) -> None:
    now = ground.clock.now()
    arrivals = page.reading.arrivals
    if arrivals.num_rows:
        hashes = ground.engine.hashes(arrivals["signal_id"]).to_numpy(zero_copy_only=False)
        # Tested first and added after: a page whose write fails must not count as seen.
        first = np.zeros(len(hashes), dtype=bool)
        first[np.unique(hashes, return_index=True)[1]] = True
        new = first & ~seen.has(hashes)
        fresh = arrivals.filter(pa.array(new))
        if fresh.num_rows:
            _append(
                ground,
                Frame("arrivals", one.name, one.channel, int(now.timestamp() * 1_000_000), to_ipc(fresh)),
                fresh.num_rows,
                stop,
            )
        seen.add(hashes)
        receipt.accepted += fresh.num_rows
        receipt.duplicates += arrivals.num_rows - fresh.num_rows
    told = news(ground, page.reading.changes)
    if told:
        stored = seen.has(
            ground.engine.hashes(pa.array([c.signal_id for c in told])).to_numpy(zero_copy_only=False)
        )
        # A stream tells of every delete there is: only those of what was taken from it matter.
        changes = [c for c, known in zip(told, stored, strict=True) if known or c.row is not None]
        if changes:
            frame = Frame(
                "changes", one.name, one.channel, int(now.timestamp() * 1_000_000), write_changes(changes)
            )
            _append(ground, frame, len(changes), stop)
            edits = [c.signal_id for c in changes if c.row is not None]
            seen.add(ground.engine.hashes(pa.array(edits, pa.string())).to_numpy(zero_copy_only=False))
        receipt.changed += len(changes)
    receipt.add(page.reading.refused)
    keep_refused(ground, page.reading.refused, source=one.name, channel=one.channel, at=now)
    if page.cursor is not None:
        _write(ground, one.name, cursor=json.dumps(page.cursor))


def _append(ground: Ground, frame: Frame, rows: int, stop: threading.Event) -> None:
    while True:
        try:
            ground.inbox.append(frame, rows).result()
            return
        except InboxFull:
            if stop.wait(FULL_SECONDS):
                raise


def _write(ground: Ground, name: str, *, cursor: str) -> None:
    with ground.desk.session() as session:
        row = session.get(Pull, name) or Pull(name=name, failures=0)
        row.cursor = cursor
        session.add(row)


def _ask(
    ground: Ground,
    one: PullSettings,
    environment: Mapping[str, str],
    follow: bool,
    stop: threading.Event,
    patience: Patience,
) -> Ask:
    mapping = mapping_given(ground, one)
    return Ask(
        name=one.name,
        kind=one.kind,
        context=lambda: Context(
            one.name,
            one.channel,
            ground.clock.now(),
            max_skew_days=ground.settings.listen.max_skew_days,
            mapping=mapping,
            platforms=ground.platforms,
            pseudonym=ground.pseudonym,
        ),
        folder=ground.folder,
        url=one.url,
        options=one.options,
        secret=_secret(ground, one, environment),
        mapping=mapping,
        per_minute=one.per_minute,
        allow_private=one.allow_private,
        follow=follow,
        stop=stop,
        patience=patience,
        limits=Limits(max_line=ground.settings.listen.max_line_mb << 20),
    )


def mapping_given(ground: Ground, one: PullSettings) -> Columns | None:
    """Read the mapping file that a pull names; None where it names none.

    Raises
    ------
    NotFound
        There is no such file in the space's folder.
    Refused
        It is no mapping.
    """
    if one.mapping is None:
        return None
    path = (ground.folder / one.mapping).resolve()
    if not path.is_relative_to(ground.folder.resolve()) or not path.is_file():
        raise NotFound("no such mapping file in the space's folder", place=f"[[pull]] {one.name}")
    return read_mapping(path.read_text("utf-8"), one.mapping)


def _secret(ground: Ground, one: PullSettings, environment: Mapping[str, str]) -> str | None:
    with ground.desk.reading() as session:
        row = session.get(Pull, one.name)
        if row is not None and row.secret is not None:
            return ground.vault.open_space(row.secret, "pull", row.name).decode()
    if one.secret_env is None:
        return None
    if not environment.get(one.secret_env):
        raise Refused(f"the environment has no variable {one.secret_env}", place=f"[[pull]] {one.name}")
    return environment[one.secret_env]


@contextmanager
def _alone(ground: Ground, name: str) -> Iterator[None]:
    (ground.folder / "pulls").mkdir(exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(only(ground.desk, ground.folder, f"pulls/{name}.lock", wait=False))
        except BlockingIOError:
            raise NotReady("another process pulls it just now", place=name) from None
        yield
