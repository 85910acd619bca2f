from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allears.errors import Refused
from allears.listen.times import DAY, micros, read_time, settle, zone

MOMENT = datetime(2017, 10, 31, 22, 10, 47, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2017-10-31T22:10:47Z",
        "2017-10-31T22:10:47.000000000Z",
        "2017-10-31 22:10:47 UTC",
        "2017-10-31 14:10:47 -0800",
        "Tue Oct 31 22:10:47 +0000 2017",
        "Tue Oct 31 2017 15:10:47 GMT-0700 (Mountain Standard Time)",
        "Tue, 31 Oct 2017 22:10:47 +0000",
        "10/31/2017 10:10:47 PM UTC",
        1509487847,
        1509487847000,
        1509487847000000,
        1509487847000000000,
        "1509487847",
        "1509487847.000",
        MOMENT,
        MOMENT.astimezone(timezone(timedelta(hours=9))),
    ],
)
def test_one_moment_in_the_ways_it_is_written(written: object) -> None:
    assert read_time(written) == (micros(MOMENT), False)


@pytest.mark.parametrize(
    "written", ["2017-10-31 22:10:47", "10/31/2017 22:10:47", datetime(2017, 10, 31, 22, 10, 47)]
)
def test_a_missing_zone_is_assumed_and_said(written: object) -> None:
    assert read_time(written) == (micros(MOMENT), True)


def test_a_named_zone_is_used_and_not_called_assumed() -> None:
    assert read_time("2017-10-31 23:10:47", naive=zone("Europe/Paris")) == (micros(MOMENT), False)


def test_day_and_month_follow_the_order_that_was_found() -> None:
    assert read_time("3/4/2026", "mdy") == read_time(date(2026, 3, 4))
    assert read_time("3/4/2026", "dmy") == read_time("2026-04-03")
    assert read_time("13/4/2026", "auto") == read_time("2026-04-13")


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "soon",
        "31/31/2026",
        True,
        [],
        {},
        "Tue Abc 31 22:10:47 +0000 2017",
        "1e999",
        10**30,
        "x" * 500,
        f"Mon, 01 Jun 026 1{'9' * 40}:00:00 #0000",
        f"Mon, 01 Jun 2026 10:00:00 +{'9' * 40}",
        "1/2/2026 10:00 +9999",
        "1/2/2026 10:00 +\u0663000",
        "1/2/2026 99:99",
    ],
)
def test_what_is_no_time_is_none(written: object) -> None:
    assert read_time(written) is None


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_iso_comes_back_to_the_microsecond(moment: datetime) -> None:
    found = read_time(moment.isoformat())
    assert found is not None
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found[0]) == moment


WRITTEN = (
    "Mon, 01 Jun 2026 10:00:00 +0000", "Sun Feb 22 19:35:52 +0000 2015", "Mon Jun 01 2026 10:00:00 GMT+0100", "1/2/2026 10:00 +0000",
    "13.2.2026 10:00:00 pm UTC", "2026-06-01 10:00:00.123 +0000", "2026-06-01T10:00:00Z", "2026-W22-1", "20260601T100000", "1780300800",
)  # fmt: skip


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(written: str) -> None:
    read_time(written)


@settings(max_examples=1500, deadline=None)
@given(st.data())
def test_no_time_that_was_damaged_breaks_the_reader(data: st.DataObject) -> None:
    letters = list(data.draw(st.sampled_from(WRITTEN)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(letters)))
        digits = st.sampled_from("0123456789").map(lambda digit: digit * data.draw(st.integers(1, 30)))
        letters[at : at + data.draw(st.integers(0, 2))] = [
            data.draw(digits | st.sampled_from(" +-:/.,TZWapm()#\x00\u0663"))
        ]
    read_time("".join(letters))


def test_a_clock_ten_years_off_is_taken_as_the_time_of_arrival() -> None:
    now = micros(datetime(2026, 6, 1, tzinfo=UTC))
    assert settle(now + 3650 * DAY, now, 2) == (now, True)
    assert settle(micros(datetime(1980, 1, 1, tzinfo=UTC)), now, 2) == (now, True)
    assert settle(now + DAY, now, 2) == (now + DAY, False)
    assert settle(now - 3650 * DAY, now, 2) == (now - 3650 * DAY, False)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(Refused, match="no such time zone"):
        zone("Atlantis/Centre")
