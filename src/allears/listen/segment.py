"""Segment's calls: track, identify, page, screen, group, alias, alone or in a batch.

Specification: https://segment.com/docs/connections/spec/ - real Segment and RudderStack clients send this.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

from allears.listen.facets import Facets, platform_name, take_facets
from allears.listen.gather import Gather
from allears.listen.reading import BadRow, Checked, Context, Reading, Refusal, refuse
from allears.listen.said import Said, take_said
from allears.listen.split import array_start, elements
from allears.listen.times import DAY, read_time
from allears.listen.traits import as_text, take_account, take_person, take_relationship
from allears.tables.signals import CHANNELS

CALLS = ("track", "identify", "page", "screen", "group", "alias")
_NAMES = frozenset(CALLS)
_Id = str | int | None
_Time = str | int | float | None


class _Object(msgspec.Struct, gc=False):
    """Any object; its content is passed over."""


class _Brief(msgspec.Struct, gc=False):
    """A call as the door looks at it: enough to know that it can be read later."""

    type: Literal["track", "identify", "page", "screen", "group", "alias"]
    event: str | None = None
    name: str | None = None
    userId: _Id = None
    anonymousId: _Id = None
    groupId: _Id = None
    previousId: _Id = None
    messageId: _Id = None
    # RFC 3339, as real clients write it, is read by the decoder; other forms of a time take the slow way.
    timestamp: datetime | int | float | None = None
    originalTimestamp: _Time = None
    user_id: _Id = None
    anonymous_id: _Id = None
    context: _Object | None = None
    properties: _Object | None = None
    traits: _Object | None = None


class _BriefBatch(msgspec.Struct, gc=False):
    batch: list[_Brief]


class _Parts(msgspec.Struct, gc=False):
    batch: list[msgspec.Raw]


class _Keyed(msgspec.Struct, gc=False):
    """Where a browser puts its write key: on the batch or on each call."""

    writeKey: str | None = None


class _KeyedBatch(msgspec.Struct, gc=False):
    writeKey: str | None = None
    batch: list[_Keyed] = []


class _Call(msgspec.Struct):
    """A call as the digest reads it; the snake_case names are those of Segment's warehouse exports."""

    type: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    channel: str | None = None
    userId: _Id = None
    user_id: _Id = None
    anonymousId: _Id = None
    anonymous_id: _Id = None
    groupId: _Id = None
    group_id: _Id = None
    previousId: _Id = None
    previous_id: _Id = None
    messageId: _Id = None
    message_id: _Id = None
    timestamp: _Time = None
    originalTimestamp: _Time = None
    sentAt: _Time = None
    sent_at: _Time = None
    receivedAt: _Time = None
    received_at: _Time = None
    context: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None


class _Batch(msgspec.Struct):
    batch: list[
        msgspec.Raw
    ]  # decoded one by one: a hundred thousand live objects would keep the collector busy
    sentAt: _Time = None
    context: dict[str, Any] | None = None


_MARK = b"\xef\xbb\xbf"  # of the order of bytes: some clients write it before JSON
_BRIEF_BATCH = msgspec.json.Decoder(_BriefBatch)
_PARTS = msgspec.json.Decoder(_Parts)
_KEYED = msgspec.json.Decoder(_KeyedBatch)
_BATCH = msgspec.json.Decoder(_Batch)
_CALL = msgspec.json.Decoder(_Call)
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeError, BadRow)


def wrap(call: str, body: bytes) -> bytes:
    """Turn the body of ``/v1/{call}`` into a batch document; a batch passes as it is.

    Examples
    --------
    >>> wrap("track", b'{"event": "Paid", "userId": "7"}')
    b'{"batch":[{"event": "Paid", "userId": "7","type":"track"}]}'
    """
    body = body.removeprefix(_MARK)
    if call in ("batch", "import"):
        return body
    tidy = body.strip()
    if tidy.startswith(b"{") and tidy.endswith(b"}"):
        comma = b"," if tidy[1:-1].strip() else b""
        tidy = tidy[:-1] + comma + b'"type":"' + call.encode() + b'"}'
    return b'{"batch":[' + tidy + b"]}"


def write_key(body: bytes) -> str:
    """Find the write key that a browser client puts into the body, because its beacon has no headers.

    Examples
    --------
    >>> write_key(b'{"batch": [{"event": "Paid", "writeKey": "k1"}]}'), write_key(b"[]")
    ('k1', '')
    """
    try:
        held = _KEYED.decode(body.removeprefix(_MARK))
    except _BROKEN:
        return ""
    return next((key for key in (held.writeKey, *(call.writeKey for call in held.batch)) if key), "")


class Segment:
    """The format ``segment``: a batch document, or one call with its ``type``."""

    def check(self, body: bytes, context: Context) -> Checked:
        """Count the good calls; one bad call costs its neighbours nothing."""
        try:
            body.decode()
            calls = _BRIEF_BATCH.decode(body).batch
            good = _are_good(calls) and _all_fit(body, context.max_event_bytes)
        except _BROKEN:
            good = False
        return Checked(len(calls), [], body) if good else _check_each(body, context.max_event_bytes)

    def read(self, body: bytes, context: Context) -> Reading:
        """Turn calls into arrivals."""
        gather = Gather(context)
        refused: list[Refusal] = []
        try:
            document = _BATCH.decode(body)
            parts, shared, sent = document.batch, document.context, document.sentAt
        except _BROKEN:
            parts, shared, sent = [msgspec.Raw(part) for part in _cut(body)], None, None
        for index, part in enumerate(parts):
            try:
                _add(gather, _CALL.decode(part), sent, shared)
            except _BROKEN as error:
                refused.append(refuse(error, f"$.batch[{index}]", bytes(part), "segment"))
        return Reading(gather.rows(), refused, len(body))


def _are_good(calls: list[_Brief]) -> bool:
    """Tell, in the few steps a busy door can afford, whether `_demand` would have nothing to say to any of them."""
    for call in calls:
        if (
            call.userId is None
            and call.anonymousId is None
            and call.user_id is None
            and call.anonymous_id is None
        ):
            return False
        if not call.event and call.type == "track":
            return False
        moment = call.timestamp
        if moment is not None and moment.__class__ is not datetime and read_time(moment) is None:
            return False
    return True


def _all_fit(body: bytes, limit: int | None) -> bool:
    return limit is None or len(body) <= limit or all(len(p) <= limit for p in _PARTS.decode(body).batch)


def _check_each(body: bytes, limit: int | None) -> Checked:
    good: list[bytes] = []
    refused: list[Refusal] = []
    parts = list(_cut(body))
    for index, part in enumerate(parts):
        try:
            part.decode()
            _demand(_CALL.decode(part))
            if limit is not None and len(part) > limit:
                raise BadRow(f"larger than {limit >> 10} KB")
            good.append(part)
        except _BROKEN as error:
            whole = len(parts) == 1 and part == body
            refused.append(refuse(error, "$" if whole else f"$.batch[{index}]", part, "segment"))
    if not refused and len(parts) == 1 and good == [body]:
        return Checked(1, [], body)
    if not refused and not good:
        refused.append(refuse(BadRow("expected a whole JSON document"), "$", body, "segment"))
    keep = b'{"batch":[' + b",".join(good) + b"]}" if good else b""
    return Checked(len(good), refused, keep)


def _cut(body: bytes) -> Iterator[bytes]:
    start = array_start(body, "batch")
    parts = None if start is None else elements(body, start)
    yield from (body,) if parts is None else parts


def _demand(call: _Call) -> None:
    kind = call.type
    if kind not in _NAMES:
        raise BadRow(f"expected one of {', '.join(CALLS)}", ".type")
    if (
        call.userId is None
        and call.anonymousId is None
        and call.user_id is None
        and call.anonymous_id is None
    ):
        raise BadRow("expected a userId or an anonymousId", "")
    if kind == "track" and not call.event:
        raise BadRow("expected the name of an event", ".event")
    if call.timestamp is not None and read_time(call.timestamp) is None:
        raise BadRow("expected a time", ".timestamp")


def _add(gather: Gather, call: _Call, sent: _Time, shared: dict[str, Any] | None) -> None:
    _demand(call)
    told = call.context if call.context is not None else (shared or {})
    rest = dict(call.properties or {})
    identifiers, personal = _who(call, told)
    traits = _traits(call, told, identifiers, personal)
    known = take_relationship(traits)
    account = (
        as_text(call.groupId)
        or as_text(call.group_id)
        or as_text(told.get("groupId"))
        or take_account(traits)
    )
    at = gather.settle(_when(gather, call, sent, rest), rest)
    said = take_said(call.event, rest) if call.type == "track" else Said()
    channel = _channel(gather.context, call, told, rest, said)
    if call.type in ("identify", "group"):
        rest |= traits
    facets = _facets(rest, told, channel)
    thread = (
        as_text(rest.pop("thread", None))
        or as_text(rest.pop("thread_id", None))
        or as_text(rest.pop("conversation_id", None))
    )
    direction = "out" if str(rest.get("direction", "in")).lower() in ("out", "outbound", "outgoing") else "in"
    rest.pop("direction", None)
    _keep_context(rest, told)
    given = call.messageId if call.messageId is not None else call.message_id
    gather.add(
        gather.signal_id(given, b"" if given is not None else msgspec.json.encode(call)),
        at,
        _kind(call, said),
        channel,
        name=_name(call),
        direction=direction,
        identifiers=identifiers,
        personal=personal,
        relationship=known,
        account=account,
        thread=thread,
        text=said.text,
        rating=said.rating,
        rating_scale=said.scale,
        facets=facets,
        rest=rest,
    )


def _who(call: _Call, told: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    found = [
        ("user_id", as_text(call.userId) or as_text(call.user_id)),
        ("anonymous_id", as_text(call.anonymousId) or as_text(call.anonymous_id)),
    ]
    if call.type == "alias":
        previous = as_text(call.previousId) or as_text(call.previous_id)
        found.append(("user_id" if found[0][1] is None else "anonymous_id", previous))
    device = told.get("device")
    if isinstance(device, dict):
        found.append(("device", as_text(device.get("id"))))
    return [(kind, value) for kind, value in found if value is not None], []


def _traits(
    call: _Call, told: dict[str, Any], identifiers: list[tuple[str, str]], personal: list[tuple[str, str]]
) -> dict[str, Any]:
    """Read who it is from the traits; those of a group describe a firm, so they name nobody."""
    traits = dict(call.traits or {})
    about = told.get("traits")
    if call.type == "group":
        own: dict[str, Any] = dict(about) if isinstance(about, dict) else {}
        take_person(own, identifiers, personal)
        return traits
    if isinstance(about, dict):
        traits = about | traits
    if traits:
        take_person(traits, identifiers, personal)
    return traits


def _when(gather: Gather, call: _Call, sent: _Time, rest: dict[str, Any]) -> tuple[int, bool] | None:
    """Read the time; a device whose clock is off by days is set right by the time it says it sent at."""
    moment = read_time(call.timestamp if call.timestamp is not None else call.originalTimestamp)
    sent_at = call.sentAt if call.sentAt is not None else call.sent_at if call.sent_at is not None else sent
    if sent_at is None:
        return moment
    by_clock = read_time(sent_at)
    if moment is None or by_clock is None:
        return moment or by_clock
    if call.receivedAt is not None or call.received_at is not None:
        return moment
    skew = by_clock[0] - gather.received
    if skew <= gather.context.max_skew_days * DAY:
        return moment
    # Only a clock that runs ahead is certain to be wrong: an old sentAt may be a replayed file.
    rest["clock_off"] = True
    return moment[0] - skew, False


def _kind(call: _Call, said: Said) -> str:
    if call.type in ("identify", "group", "alias"):
        return "profile"
    return "feedback" if said else "event"


def _name(call: _Call) -> str | None:
    if call.type == "track":
        return call.event
    if call.type in ("page", "screen"):
        return call.name or call.category or call.type
    return call.type


def _channel(context: Context, call: _Call, told: dict[str, Any], rest: dict[str, Any], said: Said) -> str:
    given = rest.get("channel")
    if isinstance(given, str) and given.lower() in CHANNELS:
        del rest["channel"]
        return given.lower()
    if context.channel is not None:
        return context.channel
    if said.channel is not None:
        return said.channel
    return "app" if _is_app(call, told) else "web"


def _is_app(call: _Call, told: dict[str, Any]) -> bool:
    if call.type == "screen" or call.channel == "mobile":
        return True
    if call.type == "page" or call.channel == "browser":
        return False
    library = told.get("library")
    mobile = _is_mobile(str(library.get("name", ""))) if isinstance(library, dict) else None
    return _platform(told) in ("ios", "android") if mobile is None else mobile


@lru_cache(maxsize=256)
def _is_mobile(library: str) -> bool | None:
    name = library.lower()
    if any(
        word in name for word in ("ios", "android", "swift", "kotlin", "flutter", "react-native", "mobile")
    ):
        return True
    return False if "js" in name.split(".") else None


def _platform(told: dict[str, Any]) -> str | None:
    for place in ("os", "device"):
        held = told.get(place)
        if isinstance(held, dict):
            name = platform_name(as_text(held.get("name" if place == "os" else "type")))
            if name is not None:
                return name
    return None


def _facets(rest: dict[str, Any], told: dict[str, Any], channel: str) -> Facets:
    facets = take_facets(rest)
    app = told.get("app")
    location = told.get("location")
    release = facets.release or (as_text(app.get("version")) if isinstance(app, dict) else None)
    region = facets.region or (as_text(location.get("region")) if isinstance(location, dict) else None)
    platform = facets.platform or _platform(told) or ("web" if channel == "web" else None)
    return Facets(facets.service, facets.ok, facets.duration_ms, release, platform, region, facets.partner)


def _keep_context(rest: dict[str, Any], told: dict[str, Any]) -> None:
    """Keep the few parts of the context that explain an event; addresses and agents are not kept."""
    page = told.get("page")
    campaign = told.get("campaign")
    if isinstance(page, dict) and page.get("path") and "path" not in rest:
        rest["page_path"] = page["path"]
    if isinstance(campaign, dict) and campaign.get("name"):
        rest["campaign"] = campaign["name"]
    consent = told.get("consent")
    if isinstance(consent, dict) and "consent" not in rest:
        # Segment keeps what was agreed to one level down; what stands beside it, such as a consent string, is kept too.
        inner = consent.get("categoryPreferences")
        beside = {k: v for k, v in consent.items() if k != "categoryPreferences"}
        rest["consent"] = {**beside, **(inner if isinstance(inner, dict) else {})}
    if told.get("locale"):
        rest["locale"] = told["locale"]
