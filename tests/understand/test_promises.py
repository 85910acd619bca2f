from datetime import UTC, datetime, timedelta, timezone

import pytest

from allears.errors import Refused
from allears.understand.promises import find_promises

WEDNESDAY = datetime(2026, 3, 4, 10, tzinfo=UTC)


def _due(text, moment=WEDNESDAY):
    promise = find_promises([text], [moment])[0]
    return promise and promise.due_at


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("We will call you back within 24 hours.", WEDNESDAY + timedelta(hours=24)),
        ("We'll get back to you by Friday", datetime(2026, 3, 6, 23, 59, 59, tzinfo=UTC)),
        ("You will receive your refund within 3-5 business days", datetime(2026, 3, 11, 23, 59, 59, tzinfo=UTC)),
        ("It will be fixed tomorrow", datetime(2026, 3, 5, 23, 59, 59, tzinfo=UTC)),
        ("We will reply by the end of the day", datetime(2026, 3, 4, 23, 59, 59, tzinfo=UTC)),
        ("We will send it in two weeks", datetime(2026, 3, 18, 23, 59, 59, tzinfo=UTC)),
        ("La richiameremo entro 24 ore", WEDNESDAY + timedelta(hours=24)),
        ("Riceverà il rimborso entro venerdì", datetime(2026, 3, 6, 23, 59, 59, tzinfo=UTC)),
        ("Wir melden uns innerhalb von 48 Stunden", WEDNESDAY + timedelta(hours=48)),
        ("Sie erhalten Ihr Geld bis Montag", datetime(2026, 3, 9, 23, 59, 59, tzinfo=UTC)),
        ("Nous vous rappellerons sous 48 heures", WEDNESDAY + timedelta(hours=48)),
        ("Vous recevrez votre colis avant vendredi", datetime(2026, 3, 6, 23, 59, 59, tzinfo=UTC)),
        ("Le llamaremos en 24 horas", WEDNESDAY + timedelta(hours=24)),
        ("Entraremos em contato em até 2 dias úteis", datetime(2026, 3, 6, 23, 59, 59, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_a_promise_has_a_deadline(text, due):
    assert _due(text) == due


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for your patience",
        "We will look into it",
        "Offer valid within 24 hours",
        "",
        None,
        "Sale ends Friday",
    ],
)
def test_no_promise_without_both_parts(text):
    assert _due(text) is None


def test_of_two_deadlines_the_first_counts():
    assert _due("We will reply within 24 hours and refund within 5 days") == WEDNESDAY + timedelta(hours=24)


def test_a_weekend_is_no_working_day():
    friday = datetime(2026, 3, 6, 16, tzinfo=UTC)
    assert _due("We will answer within 1 working day", friday) == datetime(2026, 3, 9, 23, 59, 59, tzinfo=UTC)


def test_any_zone_is_turned_into_utc():
    local = datetime(2026, 3, 4, 12, tzinfo=timezone(timedelta(hours=2)))
    assert _due("We will call within 1 hour", local) == datetime(2026, 3, 4, 11, tzinfo=UTC)


def test_times_must_fit():
    with pytest.raises(Refused):
        find_promises(["a"], [])
    with pytest.raises(Refused):
        find_promises(["a"], [datetime(2026, 3, 4)])
