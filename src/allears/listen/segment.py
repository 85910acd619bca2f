"""Segment's documents: calls alone or in a batch, looked over at the door and taken apart by the digest.

Specification: https://segment.com/docs/connections/spec/ - real Segment and RudderStack clients send this.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec

from allears.listen.gather import Gather
from allears.listen.reading import BadRow, Checked, Context, Reading, Refusal, refuse
from allears.listen.segment_call import Call, Id, Time, add, demand
from allears.listen.split import array_start, elements
from allears.listen.times import read_time


class _Object(msgspec.Struct, gc=False):
    """Any object; its content is passed over."""


class _Brief(msgspec.Struct, gc=False):
    """A call as the door looks at it: enough to know that it can be read later."""

    type: Literal["track", "identify", "page", "screen", "group", "alias"]
    event: str | None = None
    name: str | None = None
    userId: Id = None
    anonymousId: Id = None
    groupId: Id = None
    previousId: Id = None
    messageId: Id = None
    # RFC 3339, as real clients write it, is read by the decoder; other forms of a time take the slow way.
    timestamp: datetime | int | float | None = None
    originalTimestamp: Time = None
    user_id: Id = None
    anonymous_id: Id = None
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


class _Batch(msgspec.Struct):
    batch: list[
        msgspec.Raw
    ]  # decoded one by one: a hundred thousand live objects would keep the collector busy
    sentAt: Time = None
    context: dict[str, Any] | None = None


_MARK = b"\xef\xbb\xbf"  # of the order of bytes: some clients write it before JSON
_BRIEF_BATCH = msgspec.json.Decoder(_BriefBatch)
_PARTS = msgspec.json.Decoder(_Parts)
_KEYED = msgspec.json.Decoder(_KeyedBatch)
_BATCH = msgspec.json.Decoder(_Batch)
_CALL = msgspec.json.Decoder(Call)
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
                add(gather, _CALL.decode(part), sent, shared)
            except _BROKEN as error:
                refused.append(refuse(error, f"$.batch[{index}]", bytes(part), "segment"))
        return Reading(gather.rows(), refused, len(body))


def _are_good(calls: list[_Brief]) -> bool:
    """Tell, in the few steps a busy door can afford, whether `demand` would have nothing to say to any of them."""
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
            demand(_CALL.decode(part))
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
