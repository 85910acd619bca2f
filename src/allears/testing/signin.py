"""Who is known at each call: devices are anonymous until their owner signs in."""

from __future__ import annotations

import numpy as np

from allears.testing.behaviour import STORE, Calls, Log
from allears.testing.draw import DAY, Bools
from allears.testing.people import People


def sign_in(
    rng: np.random.Generator, people: People, calls: Calls, start: int, days: int
) -> tuple[Bools, Calls]:
    """Decide who is signed in at each call, and add the calls that tell so.

    A device is anonymous until its owner signs in on it, which some never do; the first signed-in call is
    preceded by ``identify``.
    """
    devices = len(people.device_person)
    member = np.array([bool(u) for u in people.user_id])
    first = start + (rng.random(devices) ** 2 * days * 0.9 * DAY).astype(np.int64)
    first[rng.random(devices) < 0.25] = start
    first[(rng.random(devices) < 0.25) | ~member[people.device_person]] = 2**62
    online = calls.device != STORE
    known = np.where(online, first[calls.device] <= calls.at, True) & member[calls.person]
    signed = known & (~online | (rng.random(len(calls.at)) < 0.9))
    signed &= ~online | (people.device_person[calls.device] == calls.person)
    rows = np.flatnonzero(signed & online)
    _, once = np.unique(calls.device[rows], return_index=True)
    told = calls.take(rows[once])
    told.at = told.at - 1_000
    told.cause = np.full(len(once), -1)
    group = told.take(people.asks_often[told.person] > 5.0)
    alias = told.take((people.device_platform[told.device] > 0) & (rng.random(len(once)) < 0.15))
    extra = [(told, "identify"), (group, "group"), (alias, "alias")]
    log = Log()
    log.chunks.append((calls.at, calls.kind, calls.person, calls.device, calls.cause, calls.value))
    for part, name in extra:
        log.add(name, part.at, part.person, part.device, part.cause)
    whole = [np.concatenate(parts) for parts in zip(*log.chunks, strict=True)]
    order = np.argsort(whole[0], kind="stable")
    everywhere = np.concatenate([signed, *(np.ones(len(part.at), dtype=bool) for part, _ in extra)])
    return everywhere[order], Calls(*(column[order] for column in whole))
