"""New keys, layer by layer, while the space is served: the space's own, those of customers, the one that signs the audit.

Each renewal is a row of its layer that is not done; whoever runs the same command again goes on with it. Everything is
taken in small transactions, and each value says, or shows, under which secret it lies: kill -9 leaves nothing in between.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from allears.desk.access import User
from allears.desk.hooks import Hook
from allears.desk.keys import SpaceSecret
from allears.desk.listening import Mark, RefusedRow
from allears.desk.only import only
from allears.desk.pulling import Pull
from allears.desk.work import Delivery, Destination
from allears.errors import NotReady, Refused
from allears.guard.factor import label_of
from allears.guard.handover import Handover
from allears.guard.key_file import make_key, read_key, source_of
from allears.guard.key_ring import secure
from allears.guard.layers import Layer
from allears.journey.ground import KEY_FILE, NEXT_KEY_FILE, SEALED, Ground
from allears.journey.opening import OWNER

KEYS_LOCK = "keys.lock"
AT_ONCE = 2_000
Progress = Callable[[str, int], None]


class Renewed(msgspec.Struct):
    """What a renewal did; ``resumed`` when it went on with one that had stopped."""

    layer: str
    version: int
    resumed: bool
    fingerprint: str = ""
    customers: int = 0
    values: int = 0


class _Place(NamedTuple):
    """A column of values sealed under the space's key, and what binds each."""

    table: Any
    id: Any
    column: Any
    label: Callable[[Any], str]
    bound: Callable[[Any], str]


PLACES = (
    _Place(RefusedRow, RefusedRow.refused, RefusedRow.payload, lambda r: "refused", lambda r: r.refused),
    _Place(Hook, Hook.source, Hook.secret, lambda r: "hook", lambda r: r.source),
    _Place(Pull, Pull.name, Pull.secret, lambda r: "pull", lambda r: r.name),
    _Place(Destination, Destination.name, Destination.secret, lambda r: "destination", lambda r: r.name),
    _Place(User, User.name, User.factor_sealed, lambda r: label_of(r.name), lambda r: ""),
    _Place(
        Delivery,
        Delivery.id,
        Delivery.payload,
        lambda r: "delivery",
        lambda r: f"{r.event_id}/{r.destination}",
    ),
)


def renew_space(
    ground: Ground, *, source: str | None = None, actor: str, progress: Progress = lambda step, n: None
) -> Renewed:
    """Replace the space's key, and bring everything that lies under it under new secrets.

    The key is replaced at once; the keys of customers are then wrapped anew, and refused rows, secrets and deliveries
    sealed anew, a few at a time.

    Parameters
    ----------
    source
        From where the new key is to come (`allears.guard.key_file.make_key`); from where the old one came if not given.

    Raises
    ------
    NotReady
        Another process renews, or makes a backup.
    """
    with key_stays(ground):
        _finish_replacing(ground)
        version = _unfinished(ground, "wrap")
        resumed = version is not None
        if version is None:
            version = _replace(ground, source, actor)
        ground.vault.layers.refresh()
        customers = _each(ground.vault.keys.rewrap, "customers", progress)
        values = sum(_reseal(ground, place, progress) for place in PLACES)
        # Once more: what another process began before it saw the new secret.
        customers += _each(ground.vault.keys.rewrap, "customers", progress)
        _done(ground, ("wrap", "space"), actor, {"customers": customers, "values": values})
        return Renewed("space", version, resumed, ground.vault.layers.key.fingerprint, customers, values)


def renew_customers(ground: Ground, *, actor: str, progress: Progress = lambda step, n: None) -> Renewed:
    """Give every customer a new key for what comes from now on; what older keys sealed stays readable until they are destroyed."""
    with key_stays(ground):
        version = _unfinished(ground, "customers")
        resumed = version is not None
        if version is None:
            with ground.desk.session() as session:
                ground.vault.layers.refresh(session)
                version = ground.vault.layers.add(session, "customers", ground.clock.now())
        with ground.desk.reading() as session:
            since = session.scalars(
                select(SpaceSecret.made_at).where(
                    SpaceSecret.tenant == ground.vault.tenant,
                    SpaceSecret.layer == "customers",
                    SpaceSecret.version == version,
                )
            ).one()
        ring = ground.vault.keys
        customers = _each(lambda after, most: ring.renew(since, after, most), "customers", progress)
        _done(ground, ("customers",), actor, {"customers": customers})
        return Renewed("customers", version, resumed, customers=customers)


def renew_signing(ground: Ground, *, actor: str) -> Handover:
    """Sign the audit's heads, receipts and exports with a new key; the old one vouches for it, in the audit."""
    with key_stays(ground):
        return ground.audit.renew_signing(actor)


def ages(ground: Ground) -> list[dict[str, Any]]:
    """List the layers: where the space's key comes from, which version each is at, since when, and whether it is done."""
    with ground.desk.reading() as session:
        rows = session.scalars(
            select(SpaceSecret).where(SpaceSecret.tenant == ground.vault.tenant).order_by(SpaceSecret.id)
        ).all()
    newest = {row.layer: row for row in rows}
    found = []
    for layer, name in (("wrap", "space"), ("customers", "customers"), ("sign", "signing")):
        row = newest.get(layer)
        found.append(
            {
                "layer": name,
                "version": row.version if row else 0,
                "since": row.made_at if row else None,
                "done": row is None or row.done_at is not None,
            }
        )
    found[0] |= {
        "from": source_of(ground.folder / KEY_FILE).partition("?")[0],
        "fingerprint": ground.vault.layers.key.fingerprint,
    }
    return found


@contextmanager
def key_stays(ground: Ground) -> Iterator[None]:
    """Keep other processes from renewing keys or making a backup meanwhile.

    Raises
    ------
    NotReady
        One does.
    """
    with ExitStack() as held:
        try:
            held.enter_context(only(ground.desk, ground.folder, KEYS_LOCK, wait=False))
        except BlockingIOError:
            raise NotReady(
                "another process renews keys or makes a backup", place=str(ground.folder)
            ) from None
        yield


def _replace(ground: Ground, source: str | None, actor: str) -> int:
    """Make the next key, wrap every secret by it in one transaction, then put its file in the place of the old."""
    layers, now = ground.vault.layers, ground.clock.now()
    path, following = ground.folder / KEY_FILE, ground.folder / NEXT_KEY_FILE
    # What a replacement left that never came to its transaction: nothing lies under it.
    following.unlink(missing_ok=True)
    key = make_key(following, source or source_of(path), os.environ, ground.vault.tenant)
    if key == layers.key:
        following.unlink()
        raise Refused(
            "the environment holds the same key as before: name a variable with the new one (--to env:NAME)",
            place="--to",
        )
    with ground.desk.session() as session:
        secure(session)
        layers.refresh(session)
        version = layers.add(session, "wrap", now)
        layers.add(session, "space", now)
        for row in session.scalars(select(SpaceSecret).where(SpaceSecret.tenant == ground.vault.tenant)):
            secret = layers.unwrap(row.layer, row.version, row.wrapped)
            row.wrapped, row.under = layers.wrap(row.layer, row.version, secret, key), key.fingerprint
        if (owner := session.get(Mark, OWNER)) is not None:
            owner.value = key.fingerprint
        ground.audit.write(
            session,
            actor,
            "space_key.renew",
            ["space"],
            detail={"fingerprint": key.fingerprint, "version": version},
        )
    layers.adopt(key)
    _finish_replacing(ground)
    return version


def _finish_replacing(ground: Ground) -> None:
    """Put the next key's file in place when the secrets already lie under it."""
    path, following = ground.folder / KEY_FILE, ground.folder / NEXT_KEY_FILE
    ground.vault.layers.refresh()
    if not following.is_file() or read_key(following) != ground.vault.layers.key:
        return
    with path.open("r+b") as old:
        following.rename(path)
        folder = os.open(ground.folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        # The old key's bytes, which no name leads to any more.
        size = old.seek(0, os.SEEK_END)
        old.seek(0)
        old.write(bytes(size))
        old.flush()
        os.fsync(old.fileno())
    ground.vault.keys.scrub()


def _unfinished(ground: Ground, layer: Layer) -> int | None:
    query = select(func.max(SpaceSecret.version)).where(
        SpaceSecret.tenant == ground.vault.tenant, SpaceSecret.layer == layer, SpaceSecret.done_at.is_(None)
    )
    with ground.desk.reading() as session:
        return session.scalar(query)


def _each(step: Callable[[int, int], tuple[int, int] | None], name: str, progress: Progress) -> int:
    reached, total = 0, 0
    while (done := step(reached, AT_ONCE)) is not None:
        reached, total = done[0], total + done[1]
        progress(name, total)
    return total


def _reseal(ground: Ground, place: _Place, progress: Progress) -> int:
    """Seal a column's values under the newest secret; what somebody changes meanwhile is left to them."""
    after, total = None, 0
    while True:
        query = select(place.table).where(place.column.is_not(None)).order_by(place.id).limit(AT_ONCE)
        with ground.desk.session() as session:
            rows = session.scalars(query if after is None else query.where(place.id > after)).all()
            for row in rows:
                total += _reseal_one(ground, session, place, row)
            if not rows:
                return total
            after = getattr(rows[-1], place.id.key)
        progress(place.table.__tablename__, total)


def _reseal_one(ground: Ground, session: Session, place: _Place, row: Any) -> int:
    held = getattr(row, place.column.key)
    sealed = held
    vault, label, bound = ground.vault, place.label(row), place.bound(row)
    if isinstance(held, str):
        sealed = base64.b64decode(held[len(SEALED) :]) if held.startswith(SEALED) else b""
    if sealed and vault.current(sealed):
        return 0
    # A delivery that waits since before deliveries were sealed.
    clear = vault.open_space(sealed, label, bound) if sealed else held.encode()
    again = vault.seal_space(clear, label, bound)
    session.execute(
        update(place.table)
        .where(place.id == getattr(row, place.id.key), place.column == held)
        .values(
            {place.column.key: SEALED + base64.b64encode(again).decode() if isinstance(held, str) else again}
        ),
        execution_options={"synchronize_session": False},
    )
    return 1


def _done(ground: Ground, names: tuple[Layer, ...], actor: str, detail: dict[str, int]) -> None:
    now: datetime = ground.clock.now()
    mine = SpaceSecret.tenant == ground.vault.tenant
    with ground.desk.session() as session:
        secure(session)
        for name in names:
            session.execute(
                update(SpaceSecret)
                .where(mine, SpaceSecret.layer == name, SpaceSecret.done_at.is_(None))
                .values(done_at=now)
            )
        if "wrap" in names:
            # No customer's key lies under these any more. Older ones of `space` stay: the inbox may hold some yet.
            newest = (
                select(func.max(SpaceSecret.version))
                .where(mine, SpaceSecret.layer == "wrap")
                .scalar_subquery()
            )
            session.execute(
                delete(SpaceSecret).where(mine, SpaceSecret.layer == "wrap", SpaceSecret.version < newest),
                execution_options={"synchronize_session": False},
            )
        ground.audit.write(
            session,
            actor,
            f"{'space' if 'wrap' in names else 'customers'}_keys.renewed",
            ["space"],
            detail=detail,
        )
    ground.vault.layers.refresh()
    with suppress(OSError):
        ground.vault.keys.scrub()
