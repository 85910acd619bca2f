"""What systems meet while people use them: spans of the shop, the app, payments, chat and parcel tracking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allears.testing.behaviour import KIND, STORE, Calls, anybodys_device
from allears.testing.draw import HOUR, Bools, Floats, Ints
from allears.testing.people import People
from allears.testing.plot import Plot

# service, operation, route, usual milliseconds, share that fails anyway
OPERATIONS = (
    ("shop-web", "GET /product/{id}", "/product/{id}", 140, 0.004),
    ("mobile-app", "app.start", "/start", 620, 0.006),
    ("checkout", "POST /checkout", "/checkout", 260, 0.006),
    ("payments", "POST /payments/authorise", "/payments/authorise", 480, 0.012),
    ("delivery-tracking", "parcel.scan", "/parcels/{id}/scans", 210, 0.010),
    ("support-chat", "chat.queue", "/chat/queue", 22_000, 0.020),
)
SCAN = 4


@dataclass
class Spans:
    """Spans as columns ordered by time."""

    at: Ints
    operation: Ints
    person: Ints
    device: Ints
    signed: Bools
    milliseconds: Floats
    ok: Bools
    cause: Ints
    partner: Ints


def trace(
    rng: np.random.Generator,
    people: People,
    plots: list[Plot],
    calls: Calls,
    signed: Bools,
    chats: tuple[Ints, Ints],
) -> Spans:
    """Make the spans that go with what people did.

    Parameters
    ----------
    chats
        Times and people of chat messages: each waited in the queue first.
    """
    parts = [_of_calls(rng, people, plots, calls, signed), _of_chats(rng, people, plots, chats)]
    parts += [_of_scans(rng, people, plots, calls, signed)]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    at, operation, person, device, known, slow, ok, cause, partner = (column[order] for column in columns)
    usual = np.array([o[3] for o in OPERATIONS], dtype=float)[operation]
    milliseconds = usual * rng.lognormal(0, 0.5, len(at)) * slow
    ok = ok & (rng.random(len(at)) >= np.array([o[4] for o in OPERATIONS])[operation])
    return Spans(at, operation, person, device, known, milliseconds, ok, cause, partner)


def _of_calls(
    rng: np.random.Generator, people: People, plots: list[Plot], calls: Calls, signed: Bools
) -> tuple[np.ndarray, ...]:
    online = calls.device != STORE
    app = online & (people.device_platform[calls.device] > 0)
    kind = calls.kind
    chosen = [
        (0, (kind == KIND["Product Viewed"]) & online & ~app & (rng.random(len(kind)) < 0.6)),
        (1, (kind == KIND["page"]) & app & ((calls.cause >= 0) | (rng.random(len(kind)) < 0.15))),
        (2, (kind == KIND["Checkout Started"]) & online),
        (3, ((kind == KIND["Order Completed"]) | (kind == KIND["Checkout Failed"])) & online),
    ]
    rows = np.concatenate([np.flatnonzero(mask) for _, mask in chosen])
    operation = np.concatenate([np.full(int(mask.sum()), o) for o, mask in chosen])
    cause = calls.cause[rows]
    named = np.array([p.name for p in plots] + ["none"])[cause]
    broken = ((operation == 3) & (kind[rows] == KIND["Checkout Failed"])) | (
        (operation == 1) & (named == "app-crash")
    )
    slow = np.where((operation == 3) & (named == "payment-outage"), 12.0, 1.0)
    cause = np.where(broken, cause, -1)
    partner = np.full(len(rows), -1)
    return (
        calls.at[rows],
        operation,
        calls.person[rows],
        calls.device[rows],
        signed[rows],
        slow,
        ~broken,
        cause,
        partner,
    )


def _of_chats(
    rng: np.random.Generator, people: People, plots: list[Plot], chats: tuple[Ints, Ints]
) -> tuple[np.ndarray, ...]:
    at, person = chats
    cause, slow = np.full(len(at), -1), np.ones(len(at))
    for place, plot in enumerate(plots):
        if plot.name == "support-overload":
            extra = plot.hit_at + rng.integers(-HOUR // 6, 0, len(plot.hits))
            at, person = np.concatenate([at, extra]), np.concatenate([person, plot.hits])
            cause = np.concatenate([cause, np.full(len(extra), place)])
            slow = np.concatenate([slow, rng.uniform(30, 120, len(extra))])
    ok = (cause < 0) | (rng.random(len(at)) < 0.1)
    device = anybodys_device(rng, people, person)
    none = np.full(len(at), -1)
    return (
        at - 20_000,
        np.full(len(at), 5),
        person,
        device,
        np.zeros(len(at), dtype=bool),
        slow,
        ok,
        cause,
        none,
    )


def _of_scans(
    rng: np.random.Generator, people: People, plots: list[Plot], calls: Calls, signed: Bools
) -> tuple[np.ndarray, ...]:
    """Two scans for each parcel; during a carrier's failure they fail or come late."""
    rows = np.flatnonzero(
        (calls.kind == KIND["Order Delivered"])
        | ((calls.kind == KIND["Delivery Delayed"]) & (calls.cause >= 0))
    )
    rows = np.repeat(rows, 2)
    before = (rng.random(len(rows)) * 40 * HOUR).astype(np.int64)
    cause = calls.cause[rows]
    at = calls.at[rows] - np.where(cause < 0, before, before // 20)
    partner = rng.integers(0, 2, len(rows))
    for place, plot in enumerate(plots):
        if plot.name == "carrier-failure":
            partner[cause == place] = 0 if plot.facets["partner"] == "Swiftlane" else 1
    late = cause >= 0
    slow = np.where(late, rng.uniform(5, 40, len(rows)), 1.0)
    ok = ~late | (rng.random(len(rows)) < 0.15)
    shape = np.full(len(rows), SCAN)
    return at, shape, calls.person[rows], calls.device[rows], signed[rows], slow, ok, cause, partner
