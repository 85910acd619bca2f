"""The simulated retailer: always the same by seed, readable by the real doors, telling nothing of its truth."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from allears.errors import Refused
from allears.listen import FORMATS, Context
from allears.listen.mapping import read_mapping
from allears.testing import Payload, Town
from allears.testing.contacts import draw_handles
from allears.testing.draw import DAY
from allears.testing.plot import Plot


@pytest.fixture(scope="module")
def town() -> Town:
    return Town(seed=3, days=90, customers=2_000)


@pytest.fixture(scope="module")
def brief() -> Town:
    """Few days, so that all of it can be read through the doors."""
    return Town(seed=3, days=30, customers=1_500)


@pytest.fixture(scope="module")
def payloads(brief: Town) -> list[Payload]:
    return list(brief.payloads())


@pytest.fixture(scope="module")
def arrivals(brief: Town, payloads: list[Payload]) -> pa.Table:
    """Every payload, read as the digest reads it."""
    mappings = {source: read_mapping(text) for source, text in brief.mappings.items()}
    batches = []
    for payload in payloads:
        context = Context(
            payload.source, payload.channel, payload.received_at, mapping=mappings.get(payload.source)
        )
        checked = FORMATS[payload.door].check(payload.body, context)
        reading = FORMATS[payload.door].read(payload.body, context)
        assert not checked.refused and not reading.refused, (payload.source, reading.refused[:1])
        assert checked.accepted == reading.arrivals.num_rows > 0
        batches.append(reading.arrivals)
    return pa.Table.from_batches(batches)


def _digest(town: Town) -> str:
    found = hashlib.sha256()
    for payload in town.payloads():
        found.update(payload.body + payload.source.encode() + payload.received_at.isoformat().encode())
    return found.hexdigest()


def test_the_same_seed_makes_the_same_town_and_another_seed_another() -> None:
    first, again, other = (Town(seed, 21, 150) for seed in (5, 5, 6))
    assert _digest(first) == _digest(again) == _digest(first)
    assert first.truth == again.truth
    assert _digest(first) != _digest(other)


def test_payloads_come_in_order_and_after_what_they_tell(payloads: list[Payload], arrivals: pa.Table) -> None:
    received = [payload.received_at for payload in payloads]
    assert received == sorted(received)
    lag = (
        pa.compute.subtract(arrivals["received_at"], arrivals["occurred_at"]).cast(pa.int64()).to_numpy()
        / 1e6
    )
    assert lag.min() >= 0
    assert lag.max() < 4 * 3600


def test_the_doors_read_everything_and_ids_are_unique(arrivals: pa.Table) -> None:
    ids = arrivals["signal_id"].to_pylist()
    assert len(set(ids)) == len(ids)


def test_truth_names_messages_as_the_lake_will(brief: Town, arrivals: pa.Table) -> None:
    ids = set(arrivals["signal_id"].to_pylist())
    said = set(arrivals.filter(pa.compute.is_valid(arrivals["text"]))["signal_id"].to_pylist())
    assert set(brief.truth.person_of_message) == said
    assert set(brief.truth.personal) <= said
    for planted in brief.truth.planted:
        assert planted.messages <= said
        assert planted.telemetry <= ids


def test_truth_knows_every_identifier_that_the_doors_see(brief: Town, arrivals: pa.Table) -> None:
    pairs = {
        (one["type"], one["value"].replace("::", ":"))
        for row in arrivals["identifiers"].to_pylist()
        for one in row or ()
    }
    known = {(kind, value.lower()) for kind, value in brief.truth.identifiers} | {
        ("handle", "twitter:larkfieldhelp")
    }
    strangers = {
        (kind, value)
        for kind, value in pairs
        if (kind, value.lower()) not in known and not value.startswith("firm-")
    }
    assert not strangers


def test_personal_strings_are_really_in_the_texts(brief: Town, arrivals: pa.Table) -> None:
    texts = dict(zip(arrivals["signal_id"].to_pylist(), arrivals["text"].to_pylist(), strict=True))
    told = Counter()
    for key, personal in brief.truth.personal.items():
        for kind, value in personal:
            # What mail quotes from an earlier mail is cut off by the door.
            told[kind] += value in texts[key]
            assert value in texts[key] or key.startswith("mailbox:")
    assert {"name", "email", "phone", "address", "card", "iban", "handle"} <= set(told)


def test_nothing_that_is_planted_is_named_in_a_payload(brief: Town, payloads: list[Payload]) -> None:
    body = b"\n".join(payload.body for payload in payloads).lower()
    for planted in brief.truth.planted:
        assert planted.name.encode() not in body
        assert planted.name.replace("-", "_").encode() not in body
    for word in (b"planted", b"decoy", b"simulated", b"incident"):
        assert word not in body


def test_all_is_planted_once_and_incidents_leave_four_weeks_of_history(town: Town) -> None:
    kinds = Counter(planted.kind for planted in town.truth.planted)
    assert kinds == {"incident": 6, "opportunity": 1, "decoy": 4}
    incidents = [p for p in town.truth.planted if p.kind == "incident"]
    assert sum(p.recovered is False for p in incidents) == 2
    for planted in incidents:
        assert (planted.began_at - town.start).days >= 28
        assert planted.fixed_at is not None
        assert planted.began_at < planted.peak_at < planted.fixed_at < town.end
        assert planted.hit and planted.messages and planted.telemetry
    for earlier, later in pairwise(incidents):
        assert earlier.began_at < later.began_at
        assert earlier.peak_at < later.began_at


def test_shares_of_languages_and_kinds_of_people(brief: Town, arrivals: pa.Table) -> None:
    people = brief.people
    english = people.language[: people.customers].count("en") / people.customers
    assert 0.48 < english < 0.62
    assert set(people.language) == {"en", "it", "de", "fr", "es"}
    assert set(brief.truth.relationship.values()) == {"consumer", "employee", "partner"}
    assert set(arrivals["relationship"].drop_null().to_pylist()) == {"employee", "partner"}


def test_ratings_of_all_scales_are_read(arrivals: pa.Table) -> None:
    assert set(arrivals["rating_scale"].drop_null().to_pylist()) == {"nps-0-10", "csat-1-5", "stars-1-5"}


def test_texts_vary(arrivals: pa.Table) -> None:
    texts = arrivals["text"].drop_null().to_pylist()
    assert len(set(texts)) > 0.75 * len(texts)


def test_damage_rises_at_the_hit_and_fades_only_when_people_recover() -> None:
    def plot(recovered: bool) -> Plot:
        return Plot(
            "x", "incident", "app", "app", "engineering", {}, 0, 5, DAY, 2 * DAY, 10, hits=np.array([1]),
            hit_at=np.array([1000]), recovered=recovered, half_life_days=2.0, drop=0.5,
        )  # fmt: skip

    times = np.array([0, 2000, 3 * DAY, 5 * DAY])
    everybody = np.array([1, 1, 1, 1])
    assert plot(True).damage(everybody, times, 3).tolist() == [0.0, 1.0, 0.5, 0.25]
    assert plot(False).damage(everybody, times, 3)[-1] > 0.9
    assert plot(True).damage(np.zeros(4, dtype=np.int64), times, 3).sum() == 0


def test_hurt_people_do_less_until_they_recover() -> None:
    town = Town(seed=11, days=90, customers=4_000)
    calls, people = town._journal.calls, town.people
    for planted in town.truth.planted:
        if planted.kind != "incident" or planted.recovered:
            continue
        fixed = int(planted.fixed_at.timestamp() * 1000)
        began = int(planted.began_at.timestamp() * 1000)
        hit = np.isin(calls.person, list(planted.hit)) & (calls.cause < 0)
        before = (hit & (calls.at < began)).sum() / (began - town.start.timestamp() * 1000)
        after = (hit & (calls.at > fixed)).sum() / (town.end.timestamp() * 1000 - fixed)
        rest = ~np.isin(calls.person, list(planted.hit)) & (calls.cause < 0)
        usual_before = (rest & (calls.at < began)).sum() / (began - town.start.timestamp() * 1000)
        usual_after = (rest & (calls.at > fixed)).sum() / (town.end.timestamp() * 1000 - fixed)
        assert after / before < 0.9 * usual_after / usual_before
    assert people.n > 4_000


def test_volumes_follow_the_number_of_customers(town: Town) -> None:
    told = town.describe()
    assert 3_200 < told["messages_with_text"] < 5_000
    assert 16_000 < told["events"] + told["spans"] < 26_000
    assert told["payloads"] < 20_000


def test_a_start_can_be_chosen_and_bad_arguments_are_refused() -> None:
    town = Town(1, 14, 60, start=datetime(2025, 3, 1, 15, tzinfo=UTC))
    assert town.start == datetime(2025, 3, 1, tzinfo=UTC)
    for bad in ({"days": 3}, {"customers": 5}, {"start": datetime(2025, 3, 1)}):
        with pytest.raises(Refused):
            Town(**bad)  # type: ignore[arg-type]


def test_handles_that_are_taken_are_numbered_until_one_is_free() -> None:
    count = 3000
    handles, _ = draw_handles(np.random.default_rng(15), ["Ana"] * count, ["Ruiz"] * count, count)
    given = [handle for handle in handles if handle]
    assert len(given) > 500
    assert len(set(given)) == len(given)
