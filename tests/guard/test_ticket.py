"""Signed links: nobody makes one, changes one, or uses one for another purpose."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allears.errors import NotFound, Refused
from allears.guard.ticket import new_id, read_ticket, write_ticket

KEY, END = bytes(range(32)), datetime(2026, 5, 1, tzinfo=UTC)


def test_a_ticket_comes_back_as_it_was() -> None:
    id = new_id()
    assert read_ticket(KEY, write_ticket(KEY, id, END)) == (id, END)


def test_each_changed_character_makes_it_worthless() -> None:
    ticket = write_ticket(KEY, new_id(), END)
    for place in range(len(ticket)):
        other = "A" if ticket[place] != "A" else "B"
        with pytest.raises(NotFound):
            read_ticket(KEY, ticket[:place] + other + ticket[place + 1 :])


def test_a_ticket_of_another_purpose_is_worthless() -> None:
    with pytest.raises(NotFound):
        read_ticket(bytes(32), write_ticket(KEY, new_id(), END))


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    with pytest.raises(NotFound):
        read_ticket(KEY, text)


def test_an_end_without_zone_is_refused() -> None:
    with pytest.raises(Refused):
        write_ticket(KEY, new_id(), datetime(2026, 5, 1))
