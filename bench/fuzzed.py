"""What is fuzzed: each parser as door and digest call it, and the examples to start from."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from tests.listen.test_answers import GOOD
from tests.listen.test_calls import PLATFORMS, SRT, VTT
from tests.listen.test_fuzz import CONTEXT, MAIL, SEEDS, verdict
from tests.vendor_payloads import CASES

from allears.errors import AllearsError
from allears.lake.frames import MAGIC, Damage, Frame, pack, read_frames
from allears.listen.files import plan_file, read_file
from allears.listen.formats import FORMATS
from allears.listen.hook import Parcel
from allears.listen.hook import pack as parcel
from allears.listen.known_vendors import Vendors
from allears.listen.times import read_time

_HOOK = msgspec.structs.replace(CONTEXT, vendors=Vendors())
_FORMS = (".csv", ".tsv", ".json", ".ndjson", ".eml", ".mbox", ".txt", ".csv.gz")
_SCRATCH = Path(tempfile.mkdtemp())
_TABLE = b'id,text,stars,created_at\n1,It never came,1,2026-06-01T10:00:00Z\n2,"Fine, thanks",5,2026-06-02T10:00:00Z\n'


def one(target: str) -> Callable[[bytes], None]:
    """Find what takes one body of a target."""
    known = {"frames": _frames, "files": _file, "times": _time, "hook": _hook}
    return known.get(target) or (lambda body: _format(target, body))


def seeds(target: str) -> list[bytes]:
    """Give examples to start from."""
    if target == "hook":
        return [bytes((at,)) + case.body for at, case in enumerate(CASES[:256])]
    if target == "files":
        bodies = (
            _TABLE,
            _TABLE.replace(b",", b"\t"),
            *SEEDS["rows"],
            SEEDS["signals"][1],
            MAIL,
            b"From a\n" + MAIL,
        )
        return [bytes((form,)) + body for form, body in enumerate(bodies)]
    if target == "times":
        return [
            b"2026-06-01T10:00:00Z",
            b"Mon, 01 Jun 2026 10:00:00 +0000",
            b"13/2/2026 4:05 pm",
            b"1780000000",
        ]
    if target == "frames":
        frame = msgspec.msgpack.encode(Frame("signals", "shop", None, 1, b"{}"))
        return [MAGIC + pack(frame, 1) * 3]
    if target == "call":
        return [VTT.encode(), SRT.encode(), *(msgspec.json.encode(one) for one in PLATFORMS.values())]
    if target == "answers":
        return [msgspec.json.encode(GOOD)]
    return SEEDS[target]


def _format(target: str, body: bytes) -> None:
    accepted, read = verdict(target, body)
    # One object may be cut into rows and a row may be superseded; none may come out of nothing.
    assert read <= accepted or target in ("mail", "arrivals", "call", "answers"), (
        "more was read than was accepted"
    )


def _hook(body: bytes) -> None:
    case = CASES[body[0] % len(CASES)] if body else CASES[0]
    packed = parcel(Parcel(case.vendor, case.content_type, case.headers, body[1:]))
    checked = FORMATS["hook"].check(packed, _HOOK)
    assert all(r.place and r.reason for r in checked.refused)
    if checked.accepted:
        reading = FORMATS["hook"].read(checked.keep, _HOOK)
        assert len(reading) + len(reading.changes) == checked.accepted
        assert not reading.refused, "the digest refuses what the door accepted"


def _frames(body: bytes) -> None:
    damages: list[Damage] = []
    read = read_frames(io.BytesIO(body), "one", 0, closed=True, unseal=bytes, damaged=damages.append)
    ends = [position.offset for _, position in read]
    assert ends == sorted(ends)
    assert all(d.start < d.end <= len(body) for d in damages)


def _file(body: bytes) -> None:
    path = _SCRATCH / f"one{_FORMS[body[0] % len(_FORMS)] if body else '.csv'}"
    path.write_bytes(body[1:])
    try:
        plan = plan_file(path)
        for reading in read_file(plan, CONTEXT):
            assert reading.arrivals.num_rows == len(reading)
    except AllearsError as error:
        assert error.message


def _time(body: bytes) -> None:
    found = read_time(body.decode("utf-8", "replace"))
    assert found is None or isinstance(found[0], int)
