"""What is sealed of a frame: any body comes back, what repeats itself is small, and frames of earlier versions are read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allears.lake.frames import Frame, decode, encode


@given(st.binary(max_size=2_000), st.integers(1, 50))
def test_any_body_comes_back(body: bytes, times: int) -> None:
    frame = Frame("segment", "shop", None, 7, body * times)
    assert decode(encode(frame)) == frame


def test_a_body_that_repeats_itself_is_kept_small() -> None:
    assert len(encode(Frame("segment", "shop", "web", 7, b'{"event":"Paid"}' * 1_000))) < 200


def test_a_frame_of_an_earlier_version_is_read() -> None:
    kept = msgspec.msgpack.encode(("segment", "shop", None, 7, b"x" * 1_000))
    assert decode(kept) == Frame("segment", "shop", None, 7, b"x" * 1_000)


@pytest.mark.parametrize("size", [-1, 5, 1 << 31])
def test_a_size_that_cannot_be_is_no_frame(size: int) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(msgspec.msgpack.encode(("segment", "shop", None, 7, b"\xf0" * 300, size)))
