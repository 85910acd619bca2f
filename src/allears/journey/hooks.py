"""Vendors' webhooks: who may post to which source, and what a payload would become."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections import Counter
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select, update

from allears.desk.hooks import Hook
from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.signature import Sent, signed_by
from allears.journey.ground import Ground
from allears.journey.take import Receipt, Waiting, take
from allears.listen.changes import newest, versions
from allears.listen.formats import FORMATS
from allears.listen.hook import Hook as Format
from allears.listen.hook import Parcel, document, pack
from allears.listen.known_vendors import Vendors
from allears.listen.mapping import shown_rows
from allears.listen.platform import Platforms
from allears.listen.reading import BadRow, Context
from allears.listen.vendor import CompiledAnswer, Example, Reader

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
FLUSH_SECONDS = 1.0
_LABEL = "hook"


class Known(msgspec.Struct, frozen=True):
    """A source that a vendor posts to, with its secret in clear: never printed, never kept."""

    source: str
    reader: Reader
    secret: str
    url: str | None
    verify: str

    def __repr__(self) -> str:
        return f"Known({self.source!r})"


def add_hook(ground: Ground, source: str, vendor: str, secret: str | None, url: str | None) -> dict[str, Any]:
    """Let a vendor post to a source; a secret that Allears makes is returned, once.

    Raises
    ------
    NotFound
        No such vendor.
    Refused
        The name is taken or does not fit an address, or the vendor's secret is missing.
    """
    if not NAME.match(source):
        raise Refused("expected 1 to 64 letters, digits, dots, dashes or underscores", place="SOURCE")
    reader = ground.vendors[vendor]
    made = None
    if not secret:
        if reader.vendor.secret == "given":
            raise Refused(
                "this vendor gives the secret; pass it on standard input (--secret -), by --secret-env or --secret-file",
                place="--secret",
            )
        secret = made = secrets.token_urlsafe(32)
    with ground.desk.session() as session:
        if session.get(Hook, source) is not None:
            raise Refused("there is a channel of that name; remove it first", place="SOURCE")
        sealed = ground.vault.seal_space(secret.encode(), _LABEL, source)
        session.add(
            Hook(source=source, vendor=vendor, secret=sealed, url=url, made_at=ground.clock.now(), rejected=0)
        )
    return {
        "source": source,
        "vendor": vendor,
        "path": f"/hooks/{source}",
        "secret": made,
        "verify_token": verify_token(ground, source) if _verifies(reader) else None,
        "setup": reader.vendor.setup,
    }


def list_hooks(ground: Ground) -> list[dict[str, Any]]:
    """List the sources that vendors post to, without their secrets."""
    flush_rejected(ground, always=True)
    with ground.desk.reading() as session:
        return [
            {
                "source": one.source,
                "vendor": one.vendor,
                "path": f"/hooks/{one.source}",
                "url": one.url,
                "made_at": one.made_at,
                "rejected": one.rejected,
            }
            for one in session.scalars(select(Hook).order_by(Hook.source))
        ]


def remove_hook(ground: Ground, source: str) -> None:
    """Let nobody post to a source any more; what came stays."""
    with ground.desk.session() as session:
        row = session.get(Hook, source)
        if row is None:
            raise NotFound("no channel of that name", place="SOURCE")
        session.delete(row)


def find_hook(ground: Ground, source: str) -> Known:
    """Find who may post to a source.

    Raises
    ------
    NotFound
        Nobody may.
    """
    with ground.desk.reading() as session:
        row = session.get(Hook, source)
    if row is None:
        raise NotFound("no channel of that name; `allears channels add` makes one", place="path")
    secret = ground.vault.open_space(row.secret, _LABEL, source).decode()
    return Known(source, ground.vendors[row.vendor], secret, row.url, verify_token(ground, source))


def let_in(ground: Ground, known: Known, sent: Sent) -> None:
    """Check a request's signature.

    Raises
    ------
    NotAllowed
        It is missing, wrong or too old; counted.
    """
    if not signed_by(known.reader.vendor.signature, sent, known.secret, ground.clock.now()):
        ground.rejected[known.source] += 1
        flush_rejected(ground)
        raise NotAllowed("the signature is missing, wrong or too old", place="signature", unknown_caller=True)


def greet(known: Known, method: str, scope: dict[str, Any]) -> CompiledAnswer | None:
    """Find what the vendor wants to hear for this request."""
    for one in known.reader.answers:
        if one.answer.method == method and one.when.holds(scope):
            return one
    return None


def post(
    ground: Ground, known: Known, content_type: str, sent: Sent
) -> tuple[CompiledAnswer | None, dict[str, Any], Receipt, Waiting]:
    """Take a signed request in: what to answer, about what, and what became of it."""
    if known.reader.vendor.reads == "call":
        return None, {}, *take(ground, "call", sent.body, source=known.source)
    wanted = known.reader.vendor.headers
    headers = {name: sent.headers[name] for name in wanted if name in sent.headers}
    parcel = pack(Parcel(known.reader.vendor.name, content_type, headers, sent.body))
    scope: dict[str, Any] = {}
    answer = None
    try:
        scope = {**document(known.reader, content_type, sent.body, headers), "query": sent.query}
        answer = greet(known, "POST", scope)
    except (BadRow, msgspec.DecodeError, RecursionError, UnicodeError):
        pass  # said below, with its place, by the format itself
    if answer is not None and answer.answer.handshake:
        done: Waiting = Waiting()
        done.set_result(None)
        return answer, scope, Receipt(source=known.source), done
    receipt, done = take(ground, "hook", parcel, source=known.source)
    return answer, scope, receipt, done


def try_vendor(
    vendors: Vendors,
    vendor: str,
    body: bytes,
    content_type: str,
    headers: dict[str, str],
    now: datetime,
    platforms: Platforms | None = None,
) -> dict[str, Any]:
    """Show what a payload would become, keeping nothing."""
    context = Context(source="try", channel=None, received_at=now, vendors=vendors, platforms=platforms)
    known = vendors[vendor].vendor
    if known.reads == "call":
        reading = FORMATS["call"].read(body, context)
    else:
        reading = Format().read(pack(Parcel(known.name, content_type, headers, body)), context)
    changes = newest(reading.changes)
    return {
        "vendor": vendor,
        "signals": shown_rows(reading.arrivals),
        "edits": shown_rows(versions(list(changes.values()))),
        "deletes": [change.signal_id for change in changes.values() if change.row is None],
        "refused": [{"place": r.place, "reason": r.reason} for r in reading.refused],
    }


def try_examples(
    vendors: Vendors, vendor: str, now: datetime, platforms: Platforms | None = None
) -> list[dict[str, Any]]:
    """Hold an adapter to its own examples: what each must give, and whether it does.

    Raises
    ------
    NotFound
        The adapter has none.
    """
    examples = vendors[vendor].vendor.example
    if not examples:
        raise NotFound("this adapter has no example; give a payload", place="PAYLOAD")
    return [
        {
            "example": number,
            "gives": one.gives,
            "id": one.id,
            **_held_to(one, vendors, vendor, now, platforms),
        }
        for number, one in enumerate(examples, 1)
    ]


def _held_to(
    one: Example, vendors: Vendors, vendor: str, now: datetime, platforms: Platforms | None
) -> dict[str, Any]:
    found = try_vendor(vendors, vendor, one.body.encode(), one.content_type, one.headers, now, platforms)
    rows = found[{"create": "signals", "edit": "edits"}.get(one.gives, "signals")]
    ids = found["deletes"] if one.gives == "delete" else [row.get("signal_id") for row in rows]
    wrong = [row["reason"] for row in found["refused"]]
    if one.gives == "ignore":
        wrong += ["it is taken in"] if any(found[kind] for kind in ("signals", "edits", "deletes")) else []
    elif not ids:
        wrong.append(f"no {one.gives} comes of it")
    elif one.id is not None and f"try:{one.id}" not in ids:
        wrong.append("another id comes of it")
    elif one.text is not None and one.text not in [row.get("text") for row in rows]:
        wrong.append("another text comes of it")
    return {"ok": not wrong, "says": "; ".join(wrong)}


def verify_token(ground: Ground, source: str) -> str:
    """Give the token that Meta repeats when it asks whether an address is ours; made from the space's key, stored nowhere."""
    return ground.vault.digest("hook verify", [source])[0]


def flush_rejected(ground: Ground, *, always: bool = False) -> None:
    """Write down how many requests were turned away: at most once a second, so that a flood costs no disk."""
    if not ground.rejected or (not always and time.monotonic() - ground.rejected_at < FLUSH_SECONDS):
        return
    counted, ground.rejected, ground.rejected_at = ground.rejected, Counter(), time.monotonic()
    with ground.desk.session() as session:
        for source, count in counted.items():
            session.execute(update(Hook).where(Hook.source == source).values(rejected=Hook.rejected + count))


def same(given: object, known: str) -> bool:
    """Compare a token in constant time."""
    return isinstance(given, str) and hmac.compare_digest(given.encode(), known.encode())


def _verifies(reader: Reader) -> bool:
    return any(one.token is not None for one in reader.answers)
