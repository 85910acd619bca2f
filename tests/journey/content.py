"""What stands in the files of a space, unpacked where it is packed: to search for what must be in none."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Give the content of every file of a space, unpacked where it is packed."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        yield str(path), content
        if path.suffix == ".parquet":
            rows = pq.read_table(path, partitioning=None).to_pylist()
            text = json.dumps(rows, default=lambda v: v.hex() if isinstance(v, bytes) else str(v))
            yield str(path), text.encode()
        if content[:2] == b"x\x9c":
            yield str(path), zlib.decompress(content)


def holders(folder: Path, canary: bytes) -> list[str]:
    """Name the files that hold something."""
    return [path for path, content in everything(folder) if canary in content]
