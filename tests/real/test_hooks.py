"""Samples of vendors' real payloads, through the adapters: what maps, and what it carries."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from allears.listen.hook import Hook, Parcel, pack
from allears.listen.known_vendors import Vendors
from allears.listen.reading import Context, Reading

ADAPTERS = ("chatwoot", "facebook", "instagram-comments", "intercom", "slack", "twilio", "typeform-webhook", "whatsapp", "zendesk-webhook")  # fmt: skip
SHELF = Vendors()


def read(path: Path, vendor: str) -> Reading:
    document = json.loads(path.read_bytes())
    body, kind = path.read_bytes(), "application/json"
    if "raw_body" in document:
        body, kind = document["raw_body"].encode(), document["content_type"]
    elif set(document) == {"headers", "body"}:
        body = json.dumps(document["body"]).encode()
    context = Context("desk", None, datetime.now(UTC), vendors=SHELF)
    return Hook().read(pack(Parcel(vendor, kind, {}, body)), context)


@pytest.fixture(scope="module")
def readings(shared_data: Path) -> dict[str, Reading]:
    found = {}
    for path in sorted((shared_data / "payloads").glob("*.json")):
        name = next((one for one in ADAPTERS if path.name.startswith(one)), None)
        if name is not None:
            found[path.stem] = read(path, name.partition("-")[0])
    return found


def test_every_webhook_sample_is_a_signal_or_knowingly_left_out(readings: dict[str, Reading]) -> None:
    assert len(readings) == 55
    refused = {name: one.refused[0].reason for name, one in readings.items() if one.refused}
    # A socket-mode envelope is not what Slack posts.
    assert set(refused) == {"slack-event-app-mention"}
    assert sum(len(one) > 0 for one in readings.values()) >= 32


def test_what_maps_has_time_and_what_was_said_has_text_and_mostly_an_author(
    readings: dict[str, Reading],
) -> None:
    rows: list[dict[str, Any]] = [
        row | {"sample": name} for name, one in readings.items() for row in one.arrivals.to_pylist()
    ]
    kinds = Counter(row["kind"] for row in rows)
    said = [row for row in rows if row["kind"] == "feedback"]
    assert kinds["feedback"] >= 21 and all(row["text"] or row["rating"] is not None for row in said)
    assert sum(bool(row["identifiers"]) for row in said) >= len(said) - 2
    # A text message of Twilio and two blanked shapes carry no time: they count from their arrival.
    untimed = {r["sample"] for r in rows if r["occurred_at"] == r["received_at"]}
    assert len(untimed) <= 3


def test_agents_speak_out_and_customers_in(readings: dict[str, Reading]) -> None:
    admins = [r for n, one in readings.items() if "conversation-admin" in n for r in one.arrivals.to_pylist()]
    assert {row["direction"] for row in admins} == {"out"}
