"""Vendors' webhooks: what each posts becomes signals, edits and deletes; nothing a payload holds breaks its neighbours."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.vendor_payloads import CASES, TEXT, VENDORS, Case

from allears.errors import NotFound, Refused
from allears.listen.changes import Change, newest, versions
from allears.listen.formats import FORMATS
from allears.listen.hook import Hook, Parcel, pack, unpack
from allears.listen.known_vendors import SHIPPED, Vendors
from allears.listen.reading import Context, Reading
from allears.listen.vendor import read_vendor
from allears.tables.signals import CHANNELS, KINDS

SHELF = Vendors()


def read(vendor: str, body: bytes, content_type: str = "application/json", **headers: str) -> Reading:
    context = Context("desk", None, datetime(2026, 6, 1, 12, tzinfo=UTC), vendors=SHELF)
    return Hook().read(pack(Parcel(vendor, content_type, headers, body)), context)


def said(case: Any) -> Reading:
    context = Context("desk", None, datetime(2026, 6, 1, 12, tzinfo=UTC), vendors=SHELF)
    return Hook().read(pack(Parcel(case.vendor, case.content_type, case.headers, case.body)), context)


def test_every_vendor_that_ships_is_tested_with_payloads() -> None:
    assert [name for name in SHELF if SHELF[name].vendor.reads == "events"] == VENDORS
    assert {one.does for one in CASES} == {"create", "edit", "delete", "ignore"}


@pytest.mark.parametrize("case", CASES, ids=[f"{n}-{c.name}" for n, c in enumerate(CASES)])
def test_what_a_vendor_posts_becomes_what_it_means(case: Any) -> None:
    reading = said(case)
    assert reading.refused == []
    if case.does == "ignore":
        assert len(reading) == 0 and reading.changes == []
        return
    if case.does == "delete":
        assert [(one.signal_id, one.row) for one in reading.changes] == [(f"desk:{case.id}", None)]
        return
    batch = reading.arrivals if case.does == "create" else versions(reading.changes)
    [row] = batch.to_pylist()
    assert row["signal_id"] == f"desk:{case.id}"
    for column, wanted in case.wants.items():
        assert row[column] == pytest.approx(wanted) if isinstance(wanted, float) else row[column] == wanted, (
            column
        )
    held = {(one["type"], one["value"]) for one in row["identifiers"]}
    assert set(case.who) <= held
    assert row["kind"] in KINDS and row["channel"] in CHANNELS
    assert row["occurred_at"].year == 2026


def test_edits_and_deletes_name_the_message_they_are_about() -> None:
    made = {(one.vendor, one.id) for one in CASES if one.does == "create"}
    changed = {(one.vendor, one.id) for one in CASES if one.does in ("edit", "delete")}
    assert changed <= made


def test_no_secret_of_a_payload_is_kept() -> None:
    for case in CASES:
        for row in said(case).arrivals.to_pylist():
            assert "secret-session" not in json.dumps(row, default=str)


def test_two_entries_in_one_body_are_two_signals_and_a_bad_one_costs_its_neighbour_nothing() -> None:
    entry = json.loads(next(c for c in CASES if c.vendor == "whatsapp").body)["entry"][0]
    other = json.loads(json.dumps(entry).replace("wamid.1", "wamid.2"))
    broken = json.loads(json.dumps(entry).replace("wamid.1", "wamid.3"))
    broken["changes"][0]["value"]["messages"][0]["timestamp"] = "soon"
    reading = read(
        "whatsapp",
        json.dumps({"object": "whatsapp_business_account", "entry": [entry, broken, other]}).encode(),
    )
    assert [row["signal_id"] for row in reading.arrivals.to_pylist()] == ["desk:wamid.1", "desk:wamid.2"]
    [refusal] = reading.refused
    assert refusal.place == "$.entry[1].change[0].item[0].time"
    assert refusal.reason == "expected a time"
    alone = unpack(refusal.payload)
    assert (
        alone.one
        and b"wamid.3" in alone.body
        and b"wamid.1" not in alone.body
        and b"wamid.2" not in alone.body
    )


def test_a_refused_event_can_be_replayed_alone_once_its_adapter_is_mended() -> None:
    mended = SHIPPED / "github.toml"
    body = json.dumps(
        {"object": "page", "entry": [{"id": "1", "messaging": [{"novelty": {"mid": "m9", "text": "hi"}}]}]}
    ).encode()
    reading = read("facebook", body)
    [refusal] = reading.refused
    assert "does not know" in refusal.reason and refusal.format == "hook"
    text = (SHIPPED / "facebook.toml").read_text("utf-8")
    rule = (
        '[[rule]]\nwhen = "item.novelty"\nid = "item.novelty.mid"\ntext = "item.novelty.text"\n\n[[rule]]\n'
    )
    reader = read_vendor(text.replace("[[rule]]\n", rule, 1))

    class Mended(Vendors):
        def __getitem__(self, name: str) -> Any:
            return reader

    context = Context("desk", None, datetime(2026, 6, 1, tzinfo=UTC), vendors=Mended())
    again = FORMATS["hook"].read(refusal.payload, context)
    assert again.refused == [] and [row["text"] for row in again.arrivals.to_pylist()] == ["hi"]
    assert mended.is_file()


def test_what_the_door_refused_is_not_refused_again_by_the_digest() -> None:
    body = json.dumps(
        [
            {"subscriptionType": "ticket.creation", "objectId": 1, "occurredAt": "soon"},
            {"subscriptionType": "ticket.creation", "objectId": 2},
        ]
    ).encode()
    context = Context("desk", None, datetime(2026, 6, 1, tzinfo=UTC), vendors=SHELF)
    checked = Hook().check(pack(Parcel("hubspot", "application/json", {}, body)), context)
    assert (checked.accepted, len(checked.refused)) == (1, 1)
    later = Hook().read(checked.keep, context)
    assert (len(later), later.refused) == (1, [])


@pytest.mark.parametrize(
    ("vendor", "body", "content_type", "reason"),
    [
        ("slack", b"", "application/json", "the body is empty"),
        ("slack", b"  \n", "application/json", "the body is empty"),
        ("slack", b"a=1", "application/x-www-form-urlencoded", "expected JSON"),
        ("slack", b"<a/>", "text/xml", "expected JSON"),
        ("slack", b"{", "application/json", "input data was truncated"),
        ("slack", b"[" * 100_000, "application/json", "nested too deeply"),
        ("slack", b"null", "application/json", "no event in it"),
        ("slack", b'"text"', "application/json", "no event in it"),
        ("slack", b'{"event": {"name": 1}}', "application/json", "does not know"),
        ("twilio", b"not a form", "application/x-www-form-urlencoded", "expected form fields"),
        ("twilio", b"Body=%ff%fe&MessageSid=1&From=2", "application/x-www-form-urlencoded", None),
        ("salesforce", b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "text/xml", "without a document type"),
        ("salesforce", b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/x.dtd'><a/>", "text/xml", "without a document type"),
        ("salesforce", b"<a>" * 3000 + b"</a>" * 3000, "text/xml", None),
        ("salesforce", b"<a><b></a>", "text/xml", "expected XML"),
        ("github", b"payload=%7B", "application/x-www-form-urlencoded", "input data was truncated"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_whole_with_its_reason(
    vendor: str, body: bytes, content_type: str, reason: str | None
) -> None:
    reading = read(vendor, body, content_type)
    assert len(reading) == 0 or reason is None
    for refusal in reading.refused:
        assert refusal.place.startswith("$")
        assert reason is None or reason in refusal.reason.lower() or reason in refusal.reason


def test_the_first_byte_decides_where_the_content_type_is_wrong() -> None:
    case = next(c for c in CASES if c.vendor == "slack")
    assert len(read("slack", case.body, "text/plain")) == 1
    packed = b"payload=" + quote(next(c for c in CASES if c.vendor == "github").body).encode()
    assert len(read("github", packed, "application/x-www-form-urlencoded")) == 1


def test_an_anonymous_author_is_no_reason_to_lose_what_was_said() -> None:
    body = b'{"event": {"type": "message", "channel": "C1", "ts": "1780300800.1", "text": "no name"}}'
    [row] = read("slack", body).arrivals.to_pylist()
    assert row["identifiers"] == [] and row["text"] == "no name"


def test_an_edit_that_does_not_say_of_what_is_refused() -> None:
    [refusal] = read("telegram", b'{"update_id": 1, "edited_message": {"text": "x"}}').refused
    assert refusal.place.endswith(".id") and "edit" in refusal.reason


def test_ids_that_mean_somebody_else_elsewhere_are_told_apart_by_source() -> None:
    case = next(c for c in CASES if c.vendor == "chatwoot")
    [row] = said(case).arrivals.to_pylist()
    assert {"type": "handle", "value": "desk:id-9"} in row["identifiers"]


def test_a_body_of_too_many_events_is_refused() -> None:
    body = json.dumps([{"subscriptionType": "x"}] * 10_001).encode()
    [refusal] = read("hubspot", body).refused
    assert "more than 10,000 events" in refusal.reason


def test_an_address_in_a_payload_is_only_text(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def no(*_: Any, **__: Any) -> None:
        raise AssertionError("a payload made the server open a connection")

    monkeypatch.setattr(socket.socket, "connect", no)
    for case in CASES:
        body = case.body.replace(TEXT.encode(), b"see http://127.0.0.1:9/x ${7*7} {{7*7}}")
        context_free = Case(case.vendor, case.does, body, case.id, {}, case.headers, case.content_type)
        for row in said(context_free).arrivals.to_pylist():
            assert "49" not in (row["text"] or "")


# -- adapters of one's own ----------------------------------------------------------------------------------------------

OWN = """
name = "suggestion-box"
title = "Suggestion box"
says = "notes"
setup = "none"
channel = "store"
events = [["note", "body.notes"]]

[[signature]]
scheme = "token"
header = "x-box"

[[rule]]
when = "note.words"
id = "note.no"
text = "note.words"
"""


def test_a_new_vendor_needs_no_python(tmp_path: Path) -> None:
    (tmp_path / "suggestion-box.toml").write_text(OWN, "utf-8")
    shelf = Vendors(tmp_path)
    assert "suggestion-box" in list(shelf) and "github" in list(shelf)
    context = Context("box", None, datetime(2026, 6, 1, tzinfo=UTC), vendors=shelf)
    body = b'{"notes": [{"no": 1, "words": "more tea"}, {"no": 2, "words": "less noise"}]}'
    reading = Hook().read(pack(Parcel("suggestion-box", "application/json", {}, body)), context)
    assert [row["text"] for row in reading.arrivals.to_pylist()] == ["more tea", "less noise"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (('when = "note.words"', 'when = "note."'), "rule 1 when"),
        (('id = "note.no"', 'id = "__import__(1)"'), "rule 1 id"),
        (('text = "note.words"', 'texts = "note.words"'), "suggestion-box.toml"),
        (('scheme = "token"', 'scheme = "trust me"'), "suggestion-box.toml"),
        (('id = "note.no"', 'id = "note.no"\n[rule.who]\nnick = "note.no"'), "rule 1"),
        (('id = "note.no"', 'does = "delete"'), "rule 1"),
    ],
)  # fmt: skip
def test_a_wrong_adapter_is_refused_with_its_place(change: tuple[str, str], place: str) -> None:
    with pytest.raises(Refused) as refused:
        read_vendor(OWN.replace(*change), "suggestion-box.toml")
    assert place in refused.value.place


def test_a_copy_that_kept_anothers_name_is_refused_not_read_by_the_other(tmp_path: Path) -> None:
    (tmp_path / "our-github.toml").write_text(OWN.replace("suggestion-box", "github"), "utf-8")
    with pytest.raises(Refused, match='name = "our-github"'):
        Vendors(tmp_path)["our-github"]


def test_half_an_emoji_costs_one_letter_and_a_byte_order_mark_nothing(tmp_path: Path) -> None:
    (tmp_path / "suggestion-box.toml").write_text(OWN, "utf-8")
    context = Context("box", None, datetime(2026, 6, 1, tzinfo=UTC), vendors=Vendors(tmp_path))

    def texts(body: bytes) -> list[Any]:
        reading = Hook().read(pack(Parcel("suggestion-box", "application/json", {}, body)), context)
        return [row["text"] for row in reading.arrivals.to_pylist()]

    for sent, read_as in (
        (rb"cut \ud83d", "cut \ufffd"),
        (rb"cut \uDE00 here", "cut \ufffd here"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ud83d and \\ud83d", "\ufffd and \\ud83d"),
    ):
        body = b'{"notes": [{"no": 1, "words": "%s"}, {"no": 2, "words": "less noise"}]}' % sent
        assert texts(body) == [read_as, "less noise"]
        assert texts(b"\xef\xbb\xbf" + body) == [read_as, "less noise"]


def test_a_vendor_is_found_by_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "vendors").mkdir()
    (tmp_path / "outside.toml").write_text(OWN, "utf-8")
    for name in ("../outside", "/etc/passwd", "", "nobody"):
        with pytest.raises(NotFound):
            Vendors(tmp_path / "vendors")[name]


# -- properties -----------------------------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=6
)  # fmt: skip
JSON_CASES = [one for one in CASES if one.content_type == "application/json"]


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(p for key, inner in items for p in paths(inner, (*at, key)))]


def mangled(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = mangled(copy[path[0]], path[1:], new)
    return copy


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(JSON_CASES), st.randoms(use_true_random=False), VALUES)
def test_a_mangled_payload_is_read_or_refused_but_never_breaks(case: Any, random: Any, value: Any) -> None:
    document = json.loads(case.body)
    broken = mangled(document, random.choice(paths(document)), value)
    reading = read(case.vendor, json.dumps(broken).encode())
    assert reading.arrivals.num_rows == len(reading)
    versions(list(newest(reading.changes).values()))
    for refusal in reading.refused:
        assert refusal.place and refusal.reason
        assert refusal.format in ("hook", "raw")


@settings(max_examples=40, deadline=None)
@given(st.lists(VALUES, max_size=4), st.integers(0, 4))
def test_neighbours_of_rubbish_are_kept(rubbish: list[Any], place: int) -> None:
    good = json.loads(next(c for c in CASES if c.vendor == "hubspot").body)[0]
    events = [*rubbish[:place], good, *rubbish[place:]]
    found = [row["signal_id"] for row in read("hubspot", json.dumps(events).encode()).arrivals.to_pylist()]
    assert "desk:ticket:44" in found


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(VENDORS),
    st.binary(max_size=200),
    st.sampled_from(["application/json", "text/xml", "application/x-www-form-urlencoded", ""]),
)
def test_any_bytes_are_read_or_refused(vendor: str, body: bytes, content_type: str) -> None:
    reading = read(vendor, body, content_type)
    assert len(reading) or reading.refused or reading.changes or body.strip()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.booleans()), max_size=8))
def test_a_delete_is_final_and_the_latest_version_wins(told: list[tuple[str, int, bool]]) -> None:
    changes = [Change(name, at, None if end else (at,)) for name, at, end in told]
    for name, kept in newest(changes).items():
        mine = [one for one in changes if one.signal_id == name]
        if any(one.row is None for one in mine):
            assert kept.row is None
        else:
            assert kept.at == max(one.at for one in mine)


def test_a_parcel_of_another_version_is_refused() -> None:
    context = Context("desk", None, datetime(2026, 6, 1, tzinfo=UTC), vendors=SHELF)
    for body in (b"", b"junk", msgspec.msgpack.encode(["nobody", "", {}, b"{}"])):
        [refusal] = Hook().read(body, context).refused
        assert refusal.format == "hook"


def _objects(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Name the place of each object within a document, itself left out."""
    inner = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()  # fmt: skip
    found = [place for key, value in inner for place in _objects(value, (*path, key))]
    return [*found, path] if isinstance(document, dict) and path else found


def _instead(document: Any, path: tuple[Any, ...], *other: Any) -> bytes:
    """Write a document with something else at a place, or nothing."""
    copy = json.loads(json.dumps(document))
    here = copy
    for step in path[:-1]:
        here = here[step]
    if other:
        here[path[-1]] = other[0]
    else:
        del here[path[-1]]
    return json.dumps(copy).encode()


def _came(case: Case, body: bytes) -> tuple[list[str], list[Any], bool]:
    """Tell what was refused, what came of the rest, and whether anything was said in it."""
    reading = said(dataclasses.replace(case, body=body))
    rows = [*reading.arrivals.to_pylist(), *(versions(reading.changes).to_pylist() if reading.changes else [])]  # fmt: skip
    deletes = [one.signal_id for one in reading.changes if one.row is None]
    spoken = bool(deletes) or any(row["text"] or row["rating"] is not None for row in rows)
    return [one.place for one in reading.refused], [*rows, *deletes], spoken


JSON_CASES = [one for one in CASES if one.content_type == "application/json" and one.does != "ignore"]


@pytest.mark.parametrize("case", JSON_CASES, ids=[f"{n}-{c.name}" for n, c in enumerate(JSON_CASES)])
def test_what_is_no_object_where_one_is_read_is_refused_or_as_if_it_were_missing(case: Case) -> None:
    document = json.loads(case.body)
    _, whole, was_spoken = _came(case, case.body)
    for path in _objects(document):
        without = _came(case, _instead(document, path))
        for other in ("x", 7, ["x"], True):
            refused, rows, spoken = _came(case, _instead(document, path, other))
            if refused or rows == whole or not rows:
                continue
            assert not without[0] and [_same(row) for row in rows] == [_same(row) for row in without[1]], path
            assert spoken or not was_spoken, path


def _same(row: Any) -> Any:
    # An event without an id of its own is named after its bytes.
    return {**row, "signal_id": ""} if isinstance(row, dict) and re.fullmatch(r".*:[0-9a-f]{16,}", row["signal_id"]) else row  # fmt: skip


def test_an_issue_that_is_a_word_is_refused_with_its_place() -> None:
    body = json.dumps({"action": "opened", "issue": "x", "repository": {"name": "till"}}).encode()
    [refused] = read("github", body).refused
    assert (refused.place, refused.reason) == ("$.event[0].issue", "expected an object")
