"""One of Segment's calls - track, identify, page, screen, group, alias - and the arrival it becomes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from allears.listen.facets import Facets, platform_name, take_facets
from allears.listen.gather import Gather
from allears.listen.reading import BadRow, Context
from allears.listen.said import Said, take_said
from allears.listen.times import DAY, read_time
from allears.listen.traits import as_text, take_account, take_person, take_relationship
from allears.tables.signals import CHANNELS

CALLS = ("track", "identify", "page", "screen", "group", "alias")
_KINDS = frozenset(CALLS)
Id = str | int | None
Time = str | int | float | None


class Call(msgspec.Struct):
    """A call as the digest reads it; the snake_case names are those of Segment's warehouse exports."""

    type: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    channel: str | None = None
    userId: Id = None
    user_id: Id = None
    anonymousId: Id = None
    anonymous_id: Id = None
    groupId: Id = None
    group_id: Id = None
    previousId: Id = None
    previous_id: Id = None
    messageId: Id = None
    message_id: Id = None
    timestamp: Time = None
    originalTimestamp: Time = None
    sentAt: Time = None
    sent_at: Time = None
    receivedAt: Time = None
    received_at: Time = None
    context: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None


def demand(call: Call) -> None:
    """Refuse a call that says too little to be anything.

    Raises
    ------
    BadRow
        Its kind is none of Segment's, nobody is named, an event has no name, or its time is none.
    """
    kind = call.type
    if kind not in _KINDS:
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


def add(gather: Gather, call: Call, sent: Time, shared: dict[str, Any] | None) -> None:
    """Add what a call tells; ``sent`` and ``shared`` are the time and the context of its whole batch."""
    demand(call)
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


def _who(call: Call, told: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
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
    call: Call, told: dict[str, Any], identifiers: list[tuple[str, str]], personal: list[tuple[str, str]]
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


def _when(gather: Gather, call: Call, sent: Time, rest: dict[str, Any]) -> tuple[int, bool] | None:
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


def _kind(call: Call, said: Said) -> str:
    if call.type in ("identify", "group", "alias"):
        return "profile"
    return "feedback" if said else "event"


def _name(call: Call) -> str | None:
    if call.type == "track":
        return call.event
    if call.type in ("page", "screen"):
        return call.name or call.category or call.type
    return call.type


def _channel(context: Context, call: Call, told: dict[str, Any], rest: dict[str, Any], said: Said) -> str:
    given = rest.get("channel")
    if isinstance(given, str) and given.lower() in CHANNELS:
        del rest["channel"]
        return given.lower()
    if context.channel is not None:
        return context.channel
    if said.channel is not None:
        return said.channel
    return "app" if _is_app(call, told) else "web"


def _is_app(call: Call, told: dict[str, Any]) -> bool:
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
