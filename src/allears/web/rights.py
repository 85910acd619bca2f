"""Requests by right and legal holds over HTTP: listed, noted, carried out, closed. Identifiers go in bodies, never in addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta
from starlette.responses import Response

from allears.errors import Refused
from allears.guard.access import Action, Principal, require
from allears.guard.erasures import Scope
from allears.guard.purpose import Purpose
from allears.journey import access, holds, objecting, rectifying, requests, restricting
from allears.journey.erasure import erase_customer
from allears.tables.signals import CHANNELS
from allears.web.describe import POSTED, posted_described
from allears.web.errors import answer
from allears.web.posted import body, with_key

if TYPE_CHECKING:
    from allears.space import Space

T = TypeVar("T", bound=msgspec.Struct)
_Line = Annotated[str, Meta(max_length=1000)]
_Who = Annotated[str, Meta(min_length=1, max_length=500)]
_Moment = Annotated[datetime, Meta(tz=True)]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class New(_Body, frozen=True):
    """A request that came."""

    who: _Who
    kind: _Line
    via: _Line = ""
    note: _Line = ""
    received_at: _Moment | None = None


class Checked(_Body, frozen=True):
    """How it was made sure who asks."""

    how: _Line


class Why(_Body, frozen=True):
    """A reason."""

    why: _Line


class Closed(_Body, frozen=True):
    """What became of it."""

    outcome: _Line
    refused: bool = False


class Objected(_Body, frozen=True):
    """The purposes objected to."""

    purposes: Annotated[list[_Line], Meta(max_length=20)]


class Corrected(_Body, frozen=True):
    """What is wrong, what is right."""

    kind: _Line
    wrong: _Line = ""
    right: _Line = ""
    why: _Line = ""


class CorrectedOf(Corrected, frozen=True, kw_only=True):
    """The same, of somebody who is named."""

    who: _Who


class Held(_Body, frozen=True):
    """Who is held, and why."""

    who: _Who
    why: _Line


class Told(_Body, frozen=True):
    """How the person was told, which the law wants before."""

    told: _Line


class For(_Body, frozen=True):
    """The asker's public key of age; without one, a passphrase is made and told this once."""

    to: _Line | None = None


class Part(_Body, frozen=True):
    """What of the asker goes, and why: a channel, a time, what is held for a purpose alone, or with ``everything`` the whole customer."""

    why: _Who
    channel: _Line | None = None
    since: _Moment | None = None
    until: _Moment | None = None
    purpose: Purpose | None = None
    everything: bool = False

    def scope(self) -> Scope | None:
        """Say which part goes; None: everything.

        Raises
        ------
        Refused
            Neither a part was named nor everything, or both; there is no such channel, or the time ends before it begins.
        """
        part = any(limit is not None for limit in (self.channel, self.since, self.until, self.purpose))
        if self.channel is not None and self.channel not in CHANNELS:
            raise Refused(f"no such channel; there are {', '.join(CHANNELS)}", place="channel")
        if part is self.everything:
            raise Refused("expected channel, since, until or purpose, or everything: true", place="$")
        return Scope(self.channel, self.since, self.until, self.purpose) if part else None


def rights_routes(router: APIRouter, space: Space) -> None:
    """Add the routes to a router."""
    ground, serve = space.ground, Action.SERVE_RIGHTS

    def post(
        path: str,
        shape: type[T],
        act: Callable[[T, str, Principal], Any],
        summary: str,
        action: Action = serve,
    ) -> None:
        within = next((name for name in ("request", "hold", "restriction") if f"{{{name}}}" in path), "")

        @router.post(
            path,
            summary=summary,
            name=path,
            responses=POSTED,
            openapi_extra=posted_described(path, shape),
        )
        async def endpoint(request: Request) -> Response:
            principal = with_key(space, request, action)
            # What is opened or erased at a request needs both: a key may be narrowed to one of them.
            if within == "request":
                require(principal, serve)
            asked = await body(request, shape)
            name = request.path_params.get(within, "")
            found = await asyncio.to_thread(act, asked, name, principal)
            return found if isinstance(found, Response) else answer(found)

    def noted(asked: New, _: str, who: Principal) -> dict[str, Any]:
        made = requests.receive(
            ground, asked.who, asked.kind, actor=who.name, via=asked.via, note=asked.note, received_at=asked.received_at,
        )  # fmt: skip
        return _of(made)

    def _of(request: str) -> dict[str, Any]:
        return next(r for r in requests.requests(ground, closed=True) if r["request"] == request)

    def then(act: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
        def done(asked: Any, request: str, who: Principal) -> dict[str, Any]:
            act(asked, request, who)
            return _of(request)

        return done

    post("/requests", New, noted, "Note what somebody asks for by right; its month runs")
    post(
        "/requests/{request}/check",
        Checked,
        then(lambda a, r, who: requests.check_identity(ground, r, a.how, actor=who.name)),
        "Record how it was made sure that the asker is who they say",
    )
    post(
        "/requests/{request}/extend",
        Why,
        then(lambda a, r, who: requests.extend(ground, r, a.why, actor=who.name)),
        "Take two more months, once",
    )
    post(
        "/requests/{request}/close",
        Closed,
        then(lambda a, r, who: requests.close(ground, r, a.outcome, actor=who.name, refused=a.refused)),
        "Say what became of it",
    )
    post(
        "/requests/{request}/restrict",
        Why,
        then(lambda a, r, who: restricting.restrict_asker(ground, r, actor=who.name, why=a.why)),
        "Do what a request for restriction asks, and close it",
    )
    post(
        "/requests/{request}/object",
        Objected,
        then(lambda a, r, who: objecting.object_asker(ground, r, a.purposes, actor=who.name)),
        "Do what a request for objection asks: a no to each purpose; closes it",
    )
    post(
        "/requests/{request}/rectify",
        Corrected,
        lambda a, r, who: rectifying.rectify_asker(ground, r, a.kind, wrong=a.wrong, right=a.right, why=a.why, actor=who.name),
        "Do what a request for rectification asks; it stays open until it is closed",
    )  # fmt: skip
    post(
        "/rectify",
        CorrectedOf,
        lambda a, _, who: rectifying.rectify(ground, a.who, a.kind, wrong=a.wrong, right=a.right, why=a.why, actor=who.name),
        "Strike out what is wrong about a customer, put in what is right",
    )  # fmt: skip
    post(
        "/holds",
        Held,
        lambda a, _, who: {
            "hold": holds.put_hold(ground, space.customer(a.who).id, why=a.why, actor=who.name)
        },
        "Put a customer under legal hold",
    )

    def end(asked: Why, hold: str, who: Principal) -> dict[str, Any]:
        holds.end_hold(ground, hold, actor=who.name, why=asked.why)
        return {"ended": hold}

    post("/holds/{hold}/end", Why, end, "End a legal hold", Action.ERASE)
    post(
        "/restrictions",
        Held,
        lambda a, _, who: {"restriction": restricting.restrict(ground, a.who, why=a.why, actor=who.name)},
        "Keep a customer's data and use it for nothing else",
    )

    def lift(asked: Told, restriction: str, who: Principal) -> dict[str, Any]:
        restricting.lift(ground, restriction, told=asked.told, actor=who.name)
        return {"lifted": restriction}

    post("/restrictions/{restriction}/lift", Told, lift, "Lift a restriction; the data is used again")

    def export(asked: For, request: str, who: Principal) -> dict[str, Any]:
        made = access.make(ground, who, request, recipient=asked.to)
        told = {"request": request, "signals": made.signals, "key": ground.audit.signer.public}
        return told | {"file": made.content, "passphrase": made.passphrase}  # bytes are written in base64

    post(
        "/requests/{request}/export",
        For,
        export,
        "Everything held of the asker, originals opened, signed and sealed: an age file in base64; each look is in the audit",
        Action.OPEN_SEALED,
    )

    def erase(asked: Part, request: str, who: Principal) -> Response:
        scope, customer = asked.scope(), requests.asker_of(ground, request, "erasure")
        receipt = erase_customer(ground, customer, actor=who.name, why=asked.why, scope=scope)
        # These very bytes can be verified, and no others that say the same.
        return Response(receipt.json(), media_type="application/json")

    post(
        "/requests/{request}/erase",
        Part,
        erase,
        "Erase the asker for good, or a channel, a time or what is held for one purpose alone; answers the receipt",
        Action.ERASE,
    )
