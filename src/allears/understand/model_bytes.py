"""Models as bytes: plain arrays and a JSON header. Nothing in them can run when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from zipfile import BadZipFile
from zlib import error as ZlibError

import msgspec
import numpy as np

from allears.errors import Refused
from allears.understand.words import Numbers


def write_model(version: str, header: Mapping[str, Any], arrays: Mapping[str, Numbers]) -> bytes:
    """Write a header and arrays as a compressed npz."""
    out = BytesIO()
    encoded = np.frombuffer(msgspec.json.encode({**header, "version": version}), np.uint8)
    np.savez_compressed(out, allow_pickle=False, header=encoded, **arrays)
    return out.getvalue()


def read_model(version: str, data: bytes) -> tuple[dict[str, Any], dict[str, Numbers]]:
    """Read what `write_model` wrote.

    Raises
    ------
    Refused
        These bytes are no model, or one of another version.

    Examples
    --------
    >>> read_model("m-1", write_model("m-1", {"n": 3}, {"a": np.zeros(2)}))[0]["n"]
    3
    """
    try:
        with np.load(BytesIO(data), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = msgspec.json.decode(arrays.pop("header").tobytes(), type=dict[str, Any])
    except (
        OSError,
        KeyError,
        ValueError,
        EOFError,
        AttributeError,
        BadZipFile,
        ZlibError,
        msgspec.DecodeError,
    ):
        raise Refused("these bytes are no model that was saved here") from None
    if header.get("version") != version:
        raise Refused(f"a model of another version; this release reads {version}")
    return header, arrays
