"""One record of telemetry, whatever encoding it came in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Record:
    """A span, a log record or a point of a metric; times in nanoseconds, ids in hex."""

    place: str
    resource: dict[str, Any]
    attributes: dict[str, Any]
    name: str | None = None
    trace_id: str = ""
    span_id: str = ""
    parent_id: str = ""
    start: int = 0
    end: int = 0
    status: int = 0
    severity: int = 0
    severity_text: str = ""
    body: Any = None
    unit: str = ""
    values: dict[str, Any] = field(default_factory=dict)
