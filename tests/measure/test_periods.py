"""Periods: which one a moment falls into, to its last microsecond."""

from __future__ import annotations

from datetime import timedelta

import ibis
import pyarrow as pa
import pytest
from tests.measure.conftest import MONDAY

from allears.measure import periods
from allears.measure.periods import numbered, seconds_of


@pytest.mark.parametrize("every", ["day", "week"])
def test_the_last_half_second_of_a_period_belongs_to_it(every: str) -> None:
    moments = [MONDAY - timedelta(microseconds=1), MONDAY - timedelta(milliseconds=400), MONDAY]
    table = ibis.memtable(pa.table({"at": pa.array(moments, pa.timestamp("us", tz="UTC"))}))
    found = numbered(table.at, every).to_pyarrow().to_pylist()
    assert found == [periods.number(moment, every) for moment in moments]
    assert seconds_of(table.at).to_pyarrow().to_pylist() == [int(m.timestamp()) for m in moments]
