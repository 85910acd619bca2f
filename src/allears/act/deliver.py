"""The outbox: what others must be told is written down first, then delivered, one queue per destination.

An event is put into the outbox in the same transaction as the work it tells about, so neither is lost without the
other. A worker claims a delivery before it sends it; when it dies in between, the claim runs out and another sends it
again under the same ``webhook-id``: at least once, and the receiver can drop what it has seen.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import ssl
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from allears.act.notice import envelope
from allears.act.queue import claim, due, settle
from allears.act.retry import Patience
from allears.act.send import Message, Outcome, Poster, trusted
from allears.act.tell import Teller
from allears.clock import Clock, SystemClock
from allears.desk.base import Desk
from allears.desk.work import Delivery, Destination
from allears.errors import NotFound, Refused, WorldFailed
from allears.guard.address import check_url
from allears.guard.permit import Gate
from allears.guard.purpose import Purpose

T = TypeVar("T")
_log = logging.getLogger(__name__)


def new_secret() -> str:
    """Make a signing secret as Standard Webhooks write it, to be shown once and sealed."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Outbox:
    """Deliveries of a space.

    Parameters
    ----------
    desk
        Where deliveries are kept.
    open_secret
        Opens what the caller sealed when the destination of that name was added.
    seal, unseal
        Close and open the body of a delivery, given its place in the outbox; what is written down is closed.
    gate
        Asked at the moment of sending about whom a delivery concerns; without one, only what concerns nobody is sent.
    clock
        What time it is, for retries and rests.
    patience
        Time limits, retries, rests.
    """

    def __init__(
        self,
        desk: Desk,
        open_secret: Callable[[bytes, str], bytes | str],
        *,
        seal: Callable[[str, str], str] = lambda body, place: body,
        unseal: Callable[[str, str], str] = lambda body, place: body,
        gate: Gate | None = None,
        clock: Clock | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._desk = desk
        self._open_secret, self._seal, self._unseal = open_secret, seal, unseal
        self._gate = gate
        self._clock = clock or SystemClock()
        self._patience = patience or Patience()
        self._tls: ssl.SSLContext | None = None

    def add_destination(
        self,
        name: str,
        url: str,
        *,
        secret: bytes,
        kind: str = "webhook",
        events: Iterable[str] = ("*",),
        allow_private: bool = False,
    ) -> None:
        """Add a destination, or change the one of that name.

        Parameters
        ----------
        url
            For a webhook, its address. For apprise only the beginning, such as ``slack://``: the rest is secret.
        secret
            Sealed by the caller. For a webhook the signing secret (``whsec_...``); for apprise the whole address.
        events
            Event types wanted: ``case.opened``, ``issue.*`` or ``*``.
        allow_private
            Whether it may lie in a private network, and be spoken to without TLS.

        Raises
        ------
        Refused
            The address or kind is wrong.
        """
        if kind == "webhook":
            check_url(url, allow_private=allow_private)
        elif kind != "apprise":
            raise Refused("expected webhook or apprise", place="kind")
        elif not url.endswith("://") or not url[:-3].isalnum():
            raise Refused(
                "expected the beginning only, such as slack://, and the address as the secret", place="url"
            )
        with self._desk.session() as session:
            row = session.get(Destination, name) or Destination(name=name)
            row.url, row.kind, row.secret, row.events = url, kind, secret, list(events)
            row.allow_private, row.state, row.failures, row.rest_until = allow_private, "on", 0, None
            session.add(row)

    def destinations(self) -> list[dict[str, Any]]:
        """List destinations without their secrets."""
        names = ("name", "url", "kind", "events", "allow_private", "state", "failures", "rest_until")
        with self._desk.session() as session:
            return [
                {n: getattr(row, n) for n in names}
                for row in session.scalars(select(Destination).order_by(Destination.name))
            ]

    def switch(self, name: str, on: bool) -> None:
        """Switch a destination on or off; what waits for it is kept."""
        with self._desk.session() as session:
            row = session.get(Destination, name)
            if row is None:
                raise NotFound("no destination has that name", place="destination")
            row.state, row.failures, row.rest_until = "on" if on else "off", 0, None

    def remove(self, name: str) -> None:
        """Forget a destination and all that was meant for it.

        Raises
        ------
        NotFound
            There is no such destination.
        """
        with self._desk.session() as session:
            if session.get(Destination, name) is None:
                raise NotFound("no destination has that name", place="destination")
            session.execute(delete(Delivery).where(Delivery.destination == name))
            session.execute(delete(Destination).where(Destination.name == name))

    def put(
        self,
        event_type: str,
        payload: Mapping[str, Any],
        destinations: Iterable[str] | None = None,
        *,
        purpose: Purpose = "service",
        person: str | None = None,
        event_id: str = "",
        at: datetime | None = None,
        not_before: datetime | None = None,
        session: Session | None = None,
    ) -> str:
        """Put an event into the outbox; a repeated ``event_id`` is put once per destination.

        Parameters
        ----------
        destinations
            Names; by default every destination that wants this type of event.
        purpose, person
            What it is sent for, and whom it concerns: a customer's key, or a stranger's digest. Neither leaves the desk.
        session
            The transaction of the work it tells about.

        Returns
        -------
        str
            The event's id, which receivers see as ``webhook-id``.

        Raises
        ------
        NotFound
            No destination has a given name.
        Refused
            The payload holds personal data.
        """
        if session is None:
            with self._desk.session() as own:
                return self.put(
                    event_type,
                    payload,
                    destinations,
                    purpose=purpose,
                    person=person,
                    event_id=event_id,
                    at=at,
                    not_before=not_before,
                    session=own,
                )
        now = at or self._clock.now()
        body = envelope(event_type, payload, now)
        event_id = event_id or f"msg_{secrets.token_hex(16)}"
        given = None if destinations is None else list(destinations)
        held = set(session.scalars(select(Delivery.destination).where(Delivery.event_id == event_id)))
        for name in _wanting(session, event_type, given):
            if name not in held:
                closed = self._seal(body, _place(event_id, name))
                row = Delivery(
                    event_id=event_id, destination=name, event_type=event_type, payload=closed, put_at=now
                )
                row.state, row.attempts, row.next_at = "waiting", 0, not_before or now
                row.purpose, row.person = purpose, person
                session.add(row)
        session.flush()
        return event_id

    def body(self, event_id: str, destination: str, payload: str) -> str:
        """Open the body of a delivery as it is written down."""
        return self._unseal(payload, _place(event_id, destination))

    def dead(self) -> list[dict[str, Any]]:
        """List the deliveries that were given up, oldest first."""
        return self.deliveries("dead")

    def deliveries(self, state: str | None = None) -> list[dict[str, Any]]:
        """List deliveries, oldest first."""
        names = (
            "id",
            "event_id",
            "destination",
            "event_type",
            "state",
            "attempts",
            "put_at",
            "next_at",
            "sent_at",
            "last_error",
        )
        query = select(Delivery).order_by(Delivery.id)
        query = query.where(Delivery.state == state) if state is not None else query
        with self._desk.session() as session:
            return [{n: getattr(row, n) for n in names} for row in session.scalars(query)]

    def replay(self, delivery_id: int) -> None:
        """Try a dead delivery again from the start, under the same event id.

        Raises
        ------
        NotFound
            No dead delivery has that id.
        """
        with self._desk.session() as session:
            row = session.get(Delivery, delivery_id)
            if row is None or row.state != "dead":
                raise NotFound("no dead delivery has that id", place="delivery")
            row.state, row.attempts, row.next_at, row.claimed_until = "waiting", 0, self._clock.now(), None

    def prune(self, before: datetime) -> int:
        """Forget what was sent before a moment; return how many."""
        with self._desk.session() as session:
            old = session.scalars(
                select(Delivery).where(Delivery.state == "sent", Delivery.sent_at < before)
            ).all()
            for row in old:
                session.delete(row)
            return len(old)

    async def run_once(self) -> dict[str, int]:
        """Deliver what is due now, all destinations at the same time; return how many were ``sent``, ``failed``, ``dead``."""
        with ThreadPoolExecutor(2, "outbox") as threads:
            self._tls = self._tls or await _aside(threads, trusted)
            names = await _aside(threads, partial(due, self._desk, self._clock.now()))
            counts = await asyncio.gather(*(self._drain(name, threads) for name in names))
        return {kind: sum(c[kind] for c in counts) for kind in ("sent", "failed", "dead")}

    async def worker(self, stop: asyncio.Event, *, every_seconds: float = 0.25) -> None:
        """Deliver until told to stop. Each destination has its own task: none waits for another."""
        queues: dict[str, asyncio.Task[dict[str, int]]] = {}
        threads = ThreadPoolExecutor(2, "outbox")
        try:
            self._tls = self._tls or await _aside(threads, trusted)
            while not stop.is_set():
                queues = {name: task for name, task in queues.items() if not task.done()}
                for name in await self._look(threads):
                    if name not in queues:
                        queues[name] = asyncio.create_task(self._drain(name, threads), name=f"outbox {name}")
                await _pause(stop, every_seconds)
        finally:
            for task in queues.values():
                task.cancel()
            await asyncio.gather(*queues.values(), return_exceptions=True)
            threads.shutdown(wait=False)

    async def _look(self, threads: ThreadPoolExecutor) -> list[str]:
        try:
            return await _aside(threads, partial(due, self._desk, self._clock.now()))
        except (SQLAlchemyError, WorldFailed) as error:
            _log.error("the outbox could not be read for now: %s", type(error).__name__)
            return []

    async def _drain(self, name: str, threads: ThreadPoolExecutor) -> dict[str, int]:
        counts = {"sent": 0, "failed": 0, "dead": 0}
        # Slow names hold up this destination's thread only.
        own = ThreadPoolExecutor(1, f"outbox-{name}")
        hold = timedelta(seconds=self._patience.claim_seconds)
        try:
            seconds = self._patience.total_seconds
            async with Poster(self._tls, self._patience, own) as poster, Teller(seconds) as teller:
                while claimed := await _aside(
                    threads, lambda: claim(self._desk, name, self._clock.now(), hold)
                ):
                    outcome = await self._send(*claimed, poster, teller, threads)
                    settled = partial(
                        settle, self._desk, claimed[0], outcome, self._clock.now(), self._patience
                    )
                    counts[await _aside(threads, settled)] += 1
        except (SQLAlchemyError, WorldFailed) as error:
            # What is claimed is claimed again later; the other queues go on.
            _log.error("a queue of the outbox stopped for now: %s", type(error).__name__)
        finally:
            own.shutdown(wait=False)
        return counts

    async def _send(
        self,
        delivery: Delivery,
        destination: Destination,
        poster: Poster,
        teller: Teller,
        threads: ThreadPoolExecutor,
    ) -> Outcome:
        if rule := await _aside(threads, partial(self._refusal, delivery)):
            return Outcome(False, rule, denied=True)
        try:
            secret = self._open_secret(destination.secret, destination.name)
            text = secret if isinstance(secret, str) else secret.decode()
            body = self.body(delivery.event_id, destination.name, delivery.payload)
        except Exception as error:  # the caller's own code: whatever it raises concerns this destination only
            _log.error("a destination's secret could not be opened: %s", type(error).__name__)
            return Outcome(False, "secret not opened")
        message = Message(delivery.event_id, delivery.event_type, body)
        private = destination.allow_private
        if destination.kind == "webhook":
            return await poster.post(destination.url, text, message, allow_private=private)
        return await teller.tell(text, destination.url, message, allow_private=private)

    def _refusal(self, delivery: Delivery) -> str:
        if delivery.person is None:
            return ""
        if self._gate is None:
            return "nobody to ask about consent"
        return self._gate.held(msgspec.convert(delivery.purpose, Purpose), [delivery.person])[0]


def _place(event_id: str, destination: str) -> str:
    return f"{event_id}/{destination}"


async def _aside(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)


def _wanting(session: Session, event_type: str, names: list[str] | None) -> list[str]:
    rows = session.scalars(select(Destination).order_by(Destination.name)).all()
    if names is not None:
        if set(names) - {row.name for row in rows}:
            raise NotFound("no destination has that name", place="destinations")
        return list(dict.fromkeys(names))
    # "issue.*" wants all that begins with "issue."
    return [
        row.name
        for row in rows
        if any(
            e in ("*", event_type) or (e.endswith(".*") and event_type.startswith(e[:-1])) for e in row.events
        )
    ]


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
