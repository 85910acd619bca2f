"""What is known of a file before it is read: its form, and how its rows become arrivals."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from allears.listen.platform import Platforms
from allears.listen.shape import Mapping


class Limits(msgspec.Struct, frozen=True):
    """How much of a file may be held in memory at once, bytes."""

    max_line: int = 32 * 1024 * 1024
    max_document: int = 64 * 1024 * 1024


@dataclass(frozen=True)
class Plan:
    """How a file will be read.

    ``format`` is csv, ndjson, json, parquet, mail, maildir, call, text or nothing; ``preview`` holds three mapped rows;
    ``size`` is the file's length in bytes, against which ``Reading.bytes_read`` counts.
    """

    path: Path
    format: str
    size: int
    gzip: bool = False
    encoding: str = "utf-8"
    delimiter: str | None = None
    quoted: bool = True
    columns: tuple[str, ...] = ()
    headed: bool = True
    records: tuple[str, ...] = ()
    mapping: Mapping = field(default_factory=Mapping)
    channel: str | None = None
    limits: Limits = field(default_factory=Limits)
    platforms: Platforms = field(default_factory=Platforms)
    preview: list[dict[str, Any]] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
