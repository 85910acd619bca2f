"""What a decision may look at: recent signals, and which of them each issue gathered. Never anything that came later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from allears.errors import Refused

COLUMNS = (
    "signal_id", "occurred_at", "received_at", "kind", "channel", "name", "direction", "customer_key", "relationship", "thread",
    "rating", "rating_scale", "service", "ok", "release", "platform", "region", "partner",
)  # fmt: skip
"""The columns of ``signals`` that decisions use."""

_SHARED = ("service", "release", "platform", "region", "partner")


class Scene:
    """Recent signals and the issues they belong to.

    Parameters
    ----------
    signals
        Rows of the ``signals`` table, at least `COLUMNS`.
    members
        Ids of the signals that each issue gathered.
    """

    def __init__(self, signals: pa.Table, members: Mapping[str, Iterable[str]] | None = None) -> None:
        missing = [name for name in COLUMNS if name not in signals.schema.names]
        if missing:
            raise Refused(f"expected the columns {', '.join(missing)}", place="signals")
        self.signals = signals.select(list(COLUMNS))
        self._members = members or {}

    def wrote(self, issue_id: str, at: datetime) -> set[str]:
        """Find the customers whose messages an issue had gathered by a moment."""
        mine = self._gathered(issue_id)
        return _customers(mine.filter(pc.less_equal(mine["received_at"], _time(at))))

    def wrote_first(self, issue_id: str) -> dict[str, datetime]:
        """Find when each customer's first message about an issue arrived, earliest first."""
        mine = self._gathered(issue_id)
        first: dict[str, datetime] = {}
        for customer, at in zip(
            mine["customer_key"].to_pylist(), mine["received_at"].to_pylist(), strict=True
        ):
            if customer is not None:
                first.setdefault(customer, at)
        return first

    def arrivals(self, issue_id: str) -> list[datetime]:
        """List when each signal of an issue arrived, earliest first."""
        return list(self._gathered(issue_id)["received_at"].to_pylist())

    def exposed(self, issue: Mapping[str, Any], at: datetime) -> set[str]:
        """Find the customers who met what an issue is about, whether or not they wrote.

        Met means: between the issue's first signal and ``at``, a failed request or an event with the issue's own
        service, release, platform, region and partner. An issue that shares none of these has no exposure to look up.
        """
        facets = {name: _values((issue.get("facets") or {}).get(name)) for name in _SHARED}
        facets = {name: values for name, values in facets.items() if values}
        since = issue.get("first_signal_at")
        met: set[str] = set()
        if facets and since is not None:
            table = self.signals
            kept = pc.and_(
                pc.greater_equal(table["occurred_at"], _time(since)),
                pc.less_equal(table["received_at"], _time(at)),
            )
            for name, values in facets.items():
                kept = pc.and_(kept, pc.is_in(table[name], value_set=pa.array(values, pa.string())))
            failed = pc.and_(pc.equal(table["kind"], "telemetry"), pc.invert(pc.fill_null(table["ok"], True)))
            did = pc.and_(
                pc.equal(table["kind"], "event"),
                pc.invert(pc.and_(pc.fill_null(table["ok"], False), "service" in facets)),
            )
            met = _customers(table.filter(pc.and_(kept, pc.or_(failed, did))))
        return met | self.wrote(str(issue["id"]), at)

    def who_wrote(self, customers: Iterable[str], since: datetime | None, at: datetime) -> set[str]:
        """Find those who sent us any message in a while, whatever it was about."""
        table = self.signals
        kept = pc.and_(
            pc.equal(table["kind"], "feedback"), pc.not_equal(pc.fill_null(table["direction"], "in"), "out")
        )
        kept = pc.and_(kept, pc.less_equal(table["received_at"], _time(at)))
        if since is not None:
            kept = pc.and_(kept, pc.greater_equal(table["occurred_at"], _time(since)))
        return _customers(table.filter(kept)) & set(customers)

    def _gathered(self, issue_id: str) -> pa.Table:
        ids = pa.array(list(self._members.get(issue_id, ())), pa.string())
        mine = self.signals.filter(pc.is_in(self.signals["signal_id"], value_set=ids))
        return mine.take(pc.sort_indices(mine["received_at"]))

    @cached_property
    def relationship(self) -> dict[str, str]:
        """The relationship last seen of each customer."""
        table = self.signals.filter(
            pc.and_(pc.is_valid(self.signals["customer_key"]), pc.is_valid(self.signals["relationship"]))
        )
        table = table.take(pc.sort_indices(table["received_at"]))
        return dict(zip(table["customer_key"].to_pylist(), table["relationship"].to_pylist(), strict=True))

    @cached_property
    def reached_out(self) -> dict[str, list[tuple[datetime, bool]]]:
        """When the company contacted each customer unasked, and whether that was a survey. Answers in a conversation do not count."""
        table = self.signals
        kept = pc.and_(pc.equal(pc.fill_null(table["direction"], "in"), "out"), pc.is_null(table["thread"]))
        table = table.filter(pc.and_(kept, pc.is_valid(table["customer_key"])))
        found: dict[str, list[tuple[datetime, bool]]] = {}
        columns = (
            table["customer_key"].to_pylist(),
            table["occurred_at"].to_pylist(),
            table["channel"].to_pylist(),
        )
        for customer, at, channel in zip(*columns, strict=True):
            found.setdefault(customer, []).append((at, channel == "survey"))
        return found


def _customers(table: pa.Table) -> set[str]:
    return {str(c) for c in pc.unique(table["customer_key"].drop_null()).to_pylist()}


def _values(facet: Any) -> list[str]:
    return [facet] if isinstance(facet, str) else [str(v) for v in facet or ()]


def _time(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, pa.timestamp("us", tz="UTC"))
