from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allears.errors import Refused
from allears.guard import stream
from allears.guard.stream import SealedReader, SealedWriter

KEY = bytes(range(32))


def sealed(parts: list[bytes], bound: bytes = b"head") -> bytes:
    held = io.BytesIO()
    with SealedWriter(held, KEY, bound) as out:
        for part in parts:
            out.write(part)
    return held.getvalue()


def opened(data: bytes, key: bytes = KEY, bound: bytes = b"head") -> bytes:
    return SealedReader(io.BytesIO(data), key, bound).read()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PIECE", 64)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=6))
def test_what_was_written_comes_back_however_it_was_cut(parts: list[bytes]) -> None:
    stream.PIECE = 64
    data = sealed(parts)
    assert opened(data) == b"".join(parts)
    assert all(part not in data for part in parts if len(part) > 3)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128, 129, 1000])
def test_every_cut_is_noticed(size: int) -> None:
    data = sealed([b"x" * size])
    for end in {0, 10, 38, 39, 40, len(data) - 1, len(data) - 16, 39 + 80, 39 + 160}:
        if end < len(data):
            with pytest.raises(Refused, match="cut short"):
                opened(data[:end])


def test_every_flipped_byte_is_noticed() -> None:
    data = sealed([b"secret " * 30])
    for place in range(len(data)):
        with pytest.raises(Refused):
            opened(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


def test_pieces_swapped_or_added_are_noticed() -> None:
    data = sealed([b"a" * 64 + b"b" * 64 + b"c"])
    head, one, two, rest = data[:39], data[39:119], data[119:199], data[199:]
    for forged in (head + two + one + rest, head + one + rest, head + one + one + two + rest, data + one):
        with pytest.raises(Refused):
            opened(forged)


def test_another_key_or_header_opens_nothing() -> None:
    data = sealed([b"secret"])
    for key, bound in ((bytes(32), b"head"), (KEY, b"other")):
        with pytest.raises(Refused):
            opened(data, key, bound)
