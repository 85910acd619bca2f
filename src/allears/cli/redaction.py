"""How good redaction is, as people judged it."""

from __future__ import annotations

from typing import Any

from allears.cli import show
from allears.cli.where import HERE, Where


def redaction(*, where: Where = HERE) -> None:
    """Tell how often people found that redaction missed something, or hid too much; the page Privacy, Redaction asks them."""
    with where.open() as space:
        found = space.redaction_quality()
        if where.json:
            show.as_json(found)
            return
        rows = [row | {name: _said(row[name]) for name in ("missed", "too_much")} for row in found]
        columns = ("method", "present", "n", "missed", "too_much", "cannot_tell", "population", "until")
        show.rows(rows, columns, title="shares of judged texts, 95 % interval")


def _said(share: dict[str, Any] | None) -> str:
    return f"{share['share']:.1%} ({share['low']:.1%} to {share['high']:.1%})" if share else "not judged"
