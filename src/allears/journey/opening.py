"""Opening a space's desk, inbox, lake and engine, wherever they are: secrets found, the desk brought up to date, a database checked to be this space's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from allears.desk import Desk, upgrade
from allears.desk.listening import Mark
from allears.desk.postgres import PLACE, Entry
from allears.errors import NotFound, Refused, WorldFailed
from allears.guard.vault import Vault
from allears.lake import Engine, Inbox, Place, SegmentFiles, SegmentObjects, Store, bucket_of
from allears.lake.inbox import Segments
from allears.settings import DeskSettings, EngineSettings, LakeSettings, Settings

OWNER = "space"


def open_desk(
    chosen: DeskSettings, folder: Path, environment: Mapping[str, str], keys: tuple[str, ...] = ()
) -> Desk:
    """Open the desk.

    Parameters
    ----------
    environment
        Where the password is looked up first.
    keys
        The fingerprint of the space's key, and of one that is about to replace it; none while the space is being made.

    Raises
    ------
    Refused
        The database holds another space, or the address is wrong.
    NotFound
        The file with the password is not there.
    WorldFailed
        The database is away, or lets nobody in; the desk's file is damaged, or gone while the space holds data.
    """
    ca_file = folder / chosen.ca_file if chosen.ca_file else None
    _require_file(chosen.url, folder)
    desk = Desk(chosen.url, folder, Entry(_password(chosen, folder, environment), chosen.tls, ca_file))
    try:
        upgrade(desk)
        if desk.engine.dialect.name == "postgresql":
            _own(desk, keys)
    except BaseException:
        desk.close()
        raise
    return desk


def _require_file(url: str, folder: Path) -> None:
    """Insist on the desk's file where there is data: a new one in its place would know neither keys nor customers."""
    file = folder / url.removeprefix("sqlite:///")
    if not url.startswith("sqlite:///") or (file.exists() and (file.is_dir() or file.stat().st_size)):
        return
    if any((folder / "lake").glob("*/*")) or any((folder / "inbox").glob("*.seg")):
        raise WorldFailed("the desk is gone, and what it knew of the space's data with it; bring a backup back with `allears restore`", place=file.name)  # fmt: skip


def open_lake(
    chosen: LakeSettings, folder: Path, environment: Mapping[str, str], vault: Vault | None = None
) -> Store:
    """Open the lake; nothing is asked of a bucket yet.

    Parameters
    ----------
    vault
        Whose space it is; without it, nobody looks whether a bucket's prefix is another's.

    Raises
    ------
    Refused
        The address is wrong.
    """
    if "://" not in chosen.url:
        return Store(folder / chosen.url)
    bucket = bucket_of(chosen.url, chosen.region, chosen.endpoint, environment)
    return Store(Place(folder / chosen.copies, bucket, name_in_buckets(vault) if vault else ""))


def name_in_buckets(vault: Vault) -> str:
    """Name a space for those who share a bucket; it tells nothing of the key."""
    return vault.sub_key("place in a bucket").hex()


def open_inbox(
    chosen: Settings, folder: Path, environment: Mapping[str, str], vault: Vault, *, moving: bool = False
) -> Inbox:
    """Open the inbox; nothing is asked of a bucket yet.

    Parameters
    ----------
    moving
        What waits in the folder is about to move into the bucket, where there must be nothing yet.

    Raises
    ------
    Refused
        The address is wrong, or what was accepted still waits in the folder while the inbox is a bucket.
    """
    limits, place = chosen.listen, chosen.inbox
    size = limits.segment_mb << 20
    segments: Segments
    segments = near = SegmentFiles(
        folder / "inbox", segment_bytes=size, min_free_bytes=limits.min_free_mb << 20
    )
    if "://" in place.url:
        if not moving and near.names():
            raise Refused(
                f"{len(near.names())} segments wait in the folder `inbox`: digest them before the inbox moves",
                place="allears.toml [inbox] url",
            )
        bucket = bucket_of(place.url, place.region, place.endpoint, environment)
        segments = far = SegmentObjects(bucket, name_in_buckets(vault), segment_bytes=size)
        if moving:
            far.demand_nothing()
    return Inbox(
        segments,
        seal=lambda plain: vault.seal_space(plain, "inbox"),
        unseal=lambda sealed: vault.open_space(sealed, "inbox"),
        pending_bytes=limits.pending_mb << 20,
        inbox_bytes=limits.inbox_mb << 20,
    )


def demand_free_inbox(chosen: Settings, environment: Mapping[str, str]) -> None:
    """Insist that nothing lies where a new space's inbox is to be, before there is half a space.

    Raises
    ------
    Refused
        Something does, or there is no such bucket.
    """
    place = chosen.inbox
    bucket = bucket_of(place.url, place.region, place.endpoint, environment)
    SegmentObjects(bucket, "").demand_nothing()


def open_engine(chosen: EngineSettings, store: Store, scratch: Path) -> Engine:
    """Open what answers questions: DuckDB on this machine, and before it a cluster where there is one.

    Raises
    ------
    Refused
        PySpark or Java is missing; or the digest is to run where it cannot.
    WorldFailed
        The cluster does not answer.
    """
    place = "allears.toml [engine] digest"
    if chosen.digest and chosen.url == "duckdb":
        raise Refused("expected an [engine] url of Spark's to digest on", place=place)
    if chosen.digest and store.in_bucket:
        raise Refused("Spark's machines write into a folder; this lake is in a bucket", place=place)
    near = Engine(store, memory_mb=chosen.memory_mb, threads=chosen.threads, scratch=scratch)
    if chosen.url == "duckdb":
        return near
    from allears.lake.spark.engine import SparkEngine

    try:
        engine = SparkEngine.open(near, chosen.url, chosen.options)
    except BaseException:
        near.close()
        raise
    if chosen.digest:
        try:
            engine.share_work()
        except BaseException:
            engine.close()
            raise
    return engine


def _password(chosen: DeskSettings, folder: Path, environment: Mapping[str, str]) -> str | None:
    if given := environment.get(chosen.secret_env):
        return given
    if not chosen.secret_file:
        return None
    try:
        return (folder / chosen.secret_file).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise NotFound("the file cannot be read", place="allears.toml [desk] secret_file") from None


def _own(desk: Desk, keys: tuple[str, ...]) -> None:
    # Two spaces in one database would take each other's customers for their own, under keys that do not fit.
    with desk.session() as session:
        owner = session.get(Mark, OWNER)
        if owner is None and keys:
            session.add(Mark(name=OWNER, value=keys[0]))
        elif owner is not None and owner.value not in keys:
            raise Refused("this database holds another space; each space needs its own", place=PLACE)
