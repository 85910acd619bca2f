"""What a vendor posted, read with the vendor's adapter: events become arrivals, edits and deletes become changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from allears.errors import NotFound, Refused
from allears.listen.bodies import read_body
from allears.listen.known_vendors import Vendors
from allears.listen.reading import BadRow, Checked, Context, Reading, Refusal, refuse
from allears.listen.vendor import Reader
from allears.listen.vendor_event import Sorted, sort_event
from allears.listen.walk import Scope, walk

_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeError, BadRow)


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """What waits in the inbox: the body as it came, and what is needed to read it.

    ``one`` marks a single event that was taken out of a body; ``left`` names the events that the door refused.
    """

    vendor: str
    content_type: str
    headers: dict[str, str]
    body: bytes
    one: bool = False
    left: tuple[str, ...] = ()


class Hook:
    """The format ``hook``."""

    def check(self, body: bytes, context: Context) -> Checked:
        """Read every event: webhooks are few, and a clear answer is worth it."""
        left: list[str] = []
        reading = self.read(body, context, left)
        good = len(reading) + len(reading.changes)
        if good and left:
            body = pack(msgspec.structs.replace(unpack(body), left=tuple(left)))
        return Checked(good, reading.refused, body)

    def read(self, body: bytes, context: Context, left: list[str] | None = None) -> Reading:
        """Turn events into arrivals and changes; one bad event costs its neighbours nothing.

        The places of refused events are added to ``left``.
        """
        sorted_ = Sorted(context)
        refused: list[Refusal] = []
        try:
            parcel = unpack(body)
            reader = (Vendors() if context.vendors is None else context.vendors)[parcel.vendor]
        except (NotFound, Refused, msgspec.DecodeError) as error:
            return Reading([], [refuse(BadRow(_why(error)), "$", body, "hook")], len(body))
        try:
            for place, scope in _events(reader, parcel):
                if place in parcel.left:
                    continue
                try:
                    sort_event(reader, scope, sorted_)
                except _BROKEN as error:
                    refused.append(refuse(error, place, _alone(parcel, scope), "hook"))
                    if left is not None:
                        left.append(place)
        except _BROKEN as error:
            refused.append(refuse(error, "$", body, "hook"))
        return Reading(sorted_.gather.rows(), refused, len(body), sorted_.changes)


def pack(parcel: Parcel) -> bytes:
    """Write a parcel for the inbox."""
    return msgspec.msgpack.encode(parcel)


def unpack(body: bytes) -> Parcel:
    """Read a parcel."""
    return msgspec.msgpack.decode(body, type=Parcel)


def document(reader: Reader, content_type: str, body: bytes, headers: Mapping[str, str]) -> Scope:
    """Give what expressions see of a request: ``body`` and the ``header``s that the adapter asks for."""
    vendor = reader.vendor
    found = read_body(body, content_type, vendor.body, vendor.packed)
    return {"body": found, "header": {name: headers[name] for name in vendor.headers if name in headers}}


def _events(reader: Reader, parcel: Parcel) -> Iterator[tuple[str, Scope]]:
    if parcel.one:
        yield "$", msgspec.json.decode(parcel.body, type=Scope)
        return
    scope = document(reader, parcel.content_type, parcel.body, parcel.headers)
    found = list(walk(reader.events, scope, "$"))
    if not found:
        raise BadRow("no event in it: not what this vendor sends")
    yield from found


def _alone(parcel: Parcel, scope: Scope) -> bytes:
    return pack(
        msgspec.structs.replace(parcel, body=msgspec.json.encode(scope), one=True, headers={}, left=())
    )


def _why(error: Exception) -> str:
    return error.message if isinstance(error, NotFound | Refused) else "not a parcel of this version"
