from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from allears.act.verdict import record_verdicts, verdicts
from allears.desk.base import Desk
from allears.tables import TABLES


def _rows(*given: dict[str, object]) -> pa.RecordBatch:
    return TABLES["verdicts"].rows([{"issue": "i1", "part": "both", "n": 10} | row for row in given])


def test_the_newest_verdict_counts_and_older_ones_stay(desk: Desk, noon: datetime) -> None:
    week = timedelta(days=7)
    record_verdicts(
        desk, _rows({"said": "cannot tell", "cutoff": noon}, {"said": "regained", "cutoff": noon + week})
    )
    record_verdicts(
        desk,
        _rows(
            {"said": "not regained", "cutoff": noon, "gap": -2.5},
            {"issue": "i2", "said": "regained", "cutoff": noon},
        ),
    )
    assert [(row["issue"], row["said"]) for row in verdicts(desk)] == [("i1", "regained"), ("i2", "regained")]
    assert [row["said"] for row in verdicts(desk, "i1", newest=False)] == ["regained", "not regained"]
    assert verdicts(desk, "i1", newest=False)[1]["gap"] == -2.5
