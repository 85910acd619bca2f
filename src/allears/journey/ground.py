"""What a space stands on: its folder, settings, clock, stores, keys and engine, built once and handed to all."""

from __future__ import annotations

import base64
import os
import tempfile
from collections import Counter
from collections.abc import Mapping as Given
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from allears.act.deliver import Outbox
from allears.act.notice import glass_notice
from allears.clock import Clock, SystemClock
from allears.desk import Desk
from allears.desk.access import BrokenGlass
from allears.desk.listening import Source
from allears.errors import NotFound, Refused
from allears.guard.aliases import settle_in
from allears.guard.audit import Audit
from allears.guard.glass import EVENT, Glass
from allears.guard.key_file import make_key, read_key
from allears.guard.permit import Bounds, Gate, Permit
from allears.guard.pseudonym import Pseudonym
from allears.guard.purpose import Purpose
from allears.guard.space_key import SpaceKey
from allears.guard.vault import Vault
from allears.journey.opening import demand_free_inbox, open_desk, open_engine, open_inbox, open_lake
from allears.journey.tallies import Tallies
from allears.know.graph import Graph
from allears.know.relationship import from_domains
from allears.lake import Engine, Inbox, Store
from allears.listen.known_vendors import Vendors
from allears.listen.mapping import Mapping
from allears.listen.networks import NETWORKS, network_of
from allears.listen.platform import Platforms
from allears.settings import FILE, Settings, SpaceSettings, read_settings, write_settings

KEY_FILE = "space.key"
NEXT_KEY_FILE = "space.key.next"
SEALED = "sealed:"
NOTHING: Given[str, str] = MappingProxyType({})


@dataclass
class Ground:
    """One open space. Close it when done."""

    folder: Path
    settings: Settings
    clock: Clock
    desk: Desk
    vault: Vault
    audit: Audit
    store: Store
    engine: Engine
    inbox: Inbox
    graph: Graph
    mappings: dict[str, Mapping] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    newest: tuple[int, datetime | None] | None = None
    narrowed: dict[Purpose, tuple[Bounds, Engine]] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    rejected_at: float = 0.0

    @cached_property
    def vendors(self) -> Vendors:
        """Adapters of vendors' webhooks: those that ship, and the space's own."""
        return Vendors(self.folder / "vendors")

    @cached_property
    def platforms(self) -> Platforms:
        """Layouts of call platforms' transcripts: those that ship, and the space's own."""
        return Platforms(self.folder / "platforms")

    @cached_property
    def pseudonym(self) -> Pseudonym:
        """What stands in the place of a sender's id that is made of a person's address or number."""
        return Pseudonym(self.vault.sub_key("digest/signal id"))

    @cached_property
    def outbox(self) -> Outbox:
        """Deliveries: destinations, what waits, what was given up."""
        return Outbox(
            self.desk,
            lambda sealed, name: self.vault.open_space(sealed, "destination", name),
            seal=self._seal_delivery,
            unseal=self._open_delivery,
            gate=self.gate,
            clock=self.clock,
        )

    def _seal_delivery(self, body: str, place: str) -> str:
        sealed = self.vault.seal_space(body.encode(), "delivery", place)
        return SEALED + base64.b64encode(sealed).decode()

    def _open_delivery(self, body: str, place: str) -> str:
        if not body.startswith(SEALED):
            return body  # waiting since before deliveries were sealed
        return self.vault.open_space(base64.b64decode(body[len(SEALED) :]), "delivery", place).decode()

    @cached_property
    def gate(self) -> Gate:
        """Who may be read, asked or sent something, for which purpose."""
        from allears.journey.rules import purposes  # which stands on this file

        return Gate(self.desk, partial(purposes, self), self.graph.resolve_keys)

    @cached_property
    def glass(self) -> Glass:
        """Who looks past mask and sight at one customer, and until when."""
        from allears.journey.rules import sights  # which stands on this file

        return Glass(self.desk, self.audit, self.clock, partial(sights, self), self._tell_of_glass)

    def _tell_of_glass(self, session: Session, row: BrokenGlass) -> None:
        self.outbox.put(EVENT, glass_notice(row), event_id=f"msg_{row.id}", at=row.began_at, session=session)

    def asked(self, permit: Permit) -> Engine:
        """Give the engine as far as a permit goes: the rows of whoever is left out are not in it."""
        bounds = permit.bounds()
        if bounds.everything:
            return self.engine
        kept = self.narrowed.get(permit.purpose)
        if kept is None or kept[0] is not bounds:
            kept = self.narrowed[permit.purpose] = (
                bounds,
                self.engine.narrowed(bounds.keys, only=bounds.only),
            )
        return kept[1]

    @property
    def serving(self) -> Engine:
        """The engine as far as serving customers goes: without those whose data is restricted."""
        return self.asked(self.gate.permit("service"))

    def tallied(self, permit: Permit) -> Tallies:
        """Give what whole periods added up to, as far as a permit goes."""
        engine = self.asked(permit)
        return (
            self.tallies if engine is self.engine else Tallies(self.desk, lambda: engine.made_of("signals"))
        )

    @cached_property
    def tallies(self) -> Tallies:
        """What whole periods of signals added up to."""
        return Tallies(self.desk, lambda: self.engine.made_of("signals"))

    def close(self) -> None:
        """Write what waits and let go of files and connections."""
        self.inbox.close()
        self.engine.close()
        self.desk.close()


def lay(
    folder: Path,
    *,
    clock: Clock | None = None,
    create: bool = False,
    settings: Settings | None = None,
    environment: Given[str, str] = NOTHING,
    key: str = "file",
) -> Ground:
    """Open the space in a folder, or make it.

    Parameters
    ----------
    folder
        The space's folder.
    create
        Make folder, settings file, key and stores when they are not there.
    settings
        What to write when the space is made.
    environment
        Where the password of a desk on PostgreSQL and the key of a bucket are looked up; handed in by the door.
    key
        Where its key is to come from when it is made, see `allears.guard.key_file.make_key`.

    Raises
    ------
    NotFound
        No space here, and ``create`` is false; or the key file is gone.
    Refused
        ``allears.toml`` is wrong.
    """
    if not (folder / FILE).is_file():
        if not create:
            raise NotFound(f"no {FILE} here; `allears new DIR` makes a space", place=str(folder))
        chosen = settings or Settings(space=SpaceSettings(name=folder.resolve().name[:64] or "space"))
        if chosen.desk.url.startswith("postgresql"):
            # A database that is away or holds another space is told before there is half a space.
            open_desk(chosen.desk, folder, environment).close()
        if "://" in chosen.lake.url:
            with tempfile.TemporaryDirectory() as scratch:
                new = open_lake(chosen.lake, Path(scratch), environment)
                new.version("signals")
                if key == "file" and not (folder / KEY_FILE).exists():
                    # Under a new key nothing can be this space's.
                    new.demand_nothing()
        if "://" in chosen.inbox.url and key == "file" and not (folder / KEY_FILE).exists():
            demand_free_inbox(chosen, environment)
        _make(folder, chosen, key, environment)
    chosen = read_settings(folder)
    secret = read_key(folder / KEY_FILE, environment or None)
    desk = open_desk(chosen.desk, folder, environment, _fingerprints(folder, secret, environment))
    vault = Vault(desk, secret, chosen.space.name, again=partial(key_again, folder, environment))
    settle_in(desk, vault)
    store = open_lake(chosen.lake, folder, environment, vault)
    rules = from_domains(chosen.space.employee_domains, chosen.space.partner_domains)
    clock = clock or SystemClock()
    return Ground(
        folder=folder,
        settings=chosen,
        clock=clock,
        desk=desk,
        vault=vault,
        audit=Audit(desk, vault),
        store=store,
        engine=open_engine(chosen.engine, store, folder / "scratch"),
        inbox=open_inbox(chosen, folder, environment, vault),
        graph=Graph(
            desk,
            vault.digest,
            region=chosen.space.region,
            rules=rules,
            clock=clock,
            networks=partial(known_networks, desk, chosen),
        ),
    )


def known_networks(desk: Desk, settings: Settings) -> list[str]:
    """List the networks in which a handle without one is looked for."""
    with desk.reading() as session:
        sources = session.execute(select(Source.name, Source.mapping)).all()
    named = {*NETWORKS, *settings.listen.networks.values(), *(network_of(name) for name, _ in sources)}
    for _, mapping in sources:
        if mapping and (network := msgspec.json.decode(mapping, type=Mapping).network):
            named.add(network)
    return sorted(named)


def _fingerprints(folder: Path, key: SpaceKey, environment: Given[str, str]) -> tuple[str, ...]:
    # A replacement of the key may have stopped just before its file took the place of the old one.
    following = folder / NEXT_KEY_FILE
    if not following.is_file():
        return (key.fingerprint,)
    return (key.fingerprint, read_key(following, environment or None).fingerprint)


def key_again(folder: Path, environment: Given[str, str], fingerprint: str) -> SpaceKey:
    """Find the key that the secrets are wrapped by now: the one in the file, or one that was just about to replace it.

    Raises
    ------
    Refused
        Neither is it.
    """
    for name in (KEY_FILE, NEXT_KEY_FILE):
        if (folder / name).is_file() and (
            key := read_key(folder / name, environment or None)
        ).fingerprint == fingerprint:
            return key
    raise Refused(f"this space needs the key with fingerprint {fingerprint}", place=KEY_FILE)


def _make(folder: Path, settings: Settings, key: str, environment: Given[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    # A key file without settings is what is left when nothing could be written behind it.
    if not (folder / KEY_FILE).exists():
        make_key(folder / KEY_FILE, key, environment or os.environ, settings.space.name)
    write_settings(folder, settings)
