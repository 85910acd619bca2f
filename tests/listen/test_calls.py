from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allears.errors import Refused
from allears.listen import FORMATS, Context, plan_file, plan_paths, read_file
from allears.listen.call import Turn, talk
from allears.listen.captions import read_captions
from allears.listen.platform import Platforms, read_platform, read_transcripts
from allears.listen.reading import BadRow
from allears.listen.shape import Mapping

VTT = """WEBVTT - support line
Kind: captions

STYLE
::cue { color: papayawhip }

NOTE recorded 2026-05-04T10:00:00Z

1
00:00.500 --> 00:02.000 align:start position:10%
<v.loud Agent>Good morning, how can I help?</v>

00:03.000 --> 00:05.000
<v Ada Lovelace>My parcel &amp; my refund

00:05.200 --> 00:07.000
<v Ada Lovelace><i>never</i> arrived.

01:00:06.500 --> 01:00:08.000
<v Agent>I am sorry.
"""
SRT = "1\r\n00:00:01,000 --> 00:00:03,000\r\nAgent: Hello\r\n2\r\n00:00:02,500 --> 00:00:05,000\r\nCustomer: <b>It is late</b>\r\nagain\r\n\r\n\r\n3\r\n00:00:09,000 --> 00:00:10,000\r\nAgent: Sorry.\r\n"


def rows_of(path: Path, context: Context, mapping: Mapping | None = None) -> list[dict[str, Any]]:
    plan = plan_file(path, mapping=mapping)
    context = msgspec.structs.replace(context, mapping=plan.mapping)
    readings = list(read_file(plan, context))
    assert not [r for reading in readings for r in reading.refused]
    return [row for reading in readings for row in reading.arrivals.to_pylist()]


def told(row: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(row["properties"]))


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_turns_keep_their_speakers_roles_and_times(tmp_path: Path, context: Context) -> None:
    call, *turns = rows_of(written(tmp_path, "call.vtt", VTT), context)
    assert [(t["direction"], t["text"]) for t in turns] == [
        ("out", "Good morning, how can I help?"),
        ("in", "My parcel & my refund never arrived."),
        ("out", "I am sorry."),
    ]
    assert turns[1]["occurred_at"] == datetime(2026, 5, 4, 10, 0, 3, tzinfo=UTC)
    assert {t["thread"] for t in turns} == {call["thread"]} and {t["kind"] for t in turns} == {"feedback"}
    assert call["name"] == "call" and call["kind"] == "event" and call["text"] is None
    assert told(turns[1]) == {"role": "customer", "seconds": 4.0, "silence_before": 1.0}


def test_silence_and_overtalk_are_measured(tmp_path: Path, context: Context) -> None:
    call, *turns = rows_of(written(tmp_path, "call.srt", SRT), context)
    assert [t["text"] for t in turns] == ["Hello", "It is late again", "Sorry."]
    measured = told(call)
    assert (measured["seconds"], measured["silence"], measured["overtalk"]) == (9.0, 4.0, 0.5)
    assert told(turns[1])["overtalk"] == 0.5 and told(turns[2])["silence_before"] == 4.0


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(1, 60), st.sampled_from(["a", "b", "c"])),
        min_size=1,
        max_size=12,
    )
)
def test_silence_and_overtalk_are_what_counting_seconds_gives(drawn: list[tuple[int, int, str]]) -> None:
    turns = [Turn(float(s), float(s + n), who, "x") for s, n, who in drawn]
    first, last = min(s for s, _, _ in drawn), max(s + n for s, n, _ in drawn)
    voices = [len({w for s, n, w in drawn if s <= second < s + n}) for second in range(first, last)]
    found = talk(turns)
    assert found["seconds"] == last - first
    assert found["silence"] == voices.count(0)
    assert found["overtalk"] == sum(v > 1 for v in voices)


def test_the_same_transcript_twice_is_the_same_signals(tmp_path: Path, context: Context) -> None:
    path = written(tmp_path, "call.vtt", VTT)
    assert [r["signal_id"] for r in rows_of(path, context)] == [
        r["signal_id"] for r in rows_of(path, context)
    ]
    assert len({r["signal_id"] for r in rows_of(path, context)}) == 4


def test_the_turns_of_a_caller_are_one_persons(tmp_path: Path, context: Context) -> None:
    rows = rows_of(written(tmp_path, "call.vtt", VTT), context)
    assert len({json.dumps(r["identifiers"], default=str) for r in rows}) == 1
    assert ("name", "Ada Lovelace") in [tuple(p.values()) for p in rows[2]["personal"]]
    assert "Ada" not in json.dumps([told(r) for r in rows])


def test_of_unknown_voices_nothing_counts_as_the_customers_words(tmp_path: Path, context: Context) -> None:
    text = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\nBo Berg: Hello\n\n00:03.000 --> 00:04.000\nIda Lund: It broke.\n"
    )
    path = written(tmp_path, "call.vtt", text)
    rows = rows_of(path, context)
    assert {r["kind"] for r in rows} == {"event"} and {r["text"] for r in rows} == {None}
    assert "outbound" in " ".join(plan_file(path).warnings)
    known = rows_of(path, context, Mapping(outbound=("Bo Berg",)))
    assert [(r["direction"], r["text"]) for r in known[1:]] == [("out", "Hello"), ("in", "It broke.")]


def test_a_file_name_may_tell_when_it_was(tmp_path: Path, context: Context) -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nCustomer: Hello\n"
    [call, turn] = rows_of(written(tmp_path, "GMT20260504-100000_Recording.transcript.vtt", text), context)
    assert turn["occurred_at"] == datetime(2026, 5, 4, 10, 0, 1, tzinfo=UTC)
    assert told(call)["start_assumed"] == "file name"
    [call, _] = rows_of(written(tmp_path, "other.vtt", text), context)
    assert told(call)["start_assumed"] == "arrival"


PLATFORMS: dict[str, dict[str, Any]] = {
    "amazon-contact-lens": {
        "Channel": "VOICE", "CustomerMetadata": {"ContactId": "k-1"},
        "Participants": [{"ParticipantId": "AGENT", "ParticipantRole": "AGENT"}, {"ParticipantId": "CUSTOMER", "ParticipantRole": "CUSTOMER"}],
        "Transcript": [
            {"Id": "1", "ParticipantId": "AGENT", "Content": "Hello", "BeginOffsetMillis": 0, "EndOffsetMillis": 1000},
            {"Id": "2", "ParticipantId": "CUSTOMER", "Content": "It broke", "BeginOffsetMillis": 2000, "EndOffsetMillis": 4000, "Sentiment": "NEGATIVE"},
        ],
    },
    "google-insights": {
        "entries": [
            {"start_timestamp_usec": 1_777_888_800_000_000, "text": "Hello", "role": "AGENT", "user_id": 2},
            {"start_timestamp_usec": 1_777_888_802_000_000, "text": "It broke", "role": "CUSTOMER", "user_id": 1},
        ]
    },
    "genesys-cloud": {
        "conversationId": "g-1",
        "transcripts": [
            {"phrases": [
                {"text": "hello", "decoratedText": "Hello", "participantPurpose": "internal", "startTimeMs": 1_777_888_800_000, "duration": {"milliseconds": 1000}},
                {"text": "it broke", "decoratedText": "It broke", "participantPurpose": "external", "startTimeMs": 1_777_888_802_000, "duration": {"milliseconds": 2000}},
            ]}
        ],
    },
    "azure-speech": {
        "timestamp": "2026-05-05T00:00:00Z",
        "recognizedPhrases": [
            {"recognitionStatus": "Success", "channel": 0, "speaker": 1, "offsetInTicks": 0, "durationInTicks": 10_000_000, "nBest": [{"display": "Hello"}]},
            {"recognitionStatus": "Success", "channel": 0, "speaker": 2, "offsetInTicks": 20_000_000, "durationInTicks": 20_000_000, "nBest": [{"display": "It broke"}]},
        ],
    },
    "deepgram": {
        "metadata": {"request_id": "d-1"},
        "results": {"utterances": [
            {"start": 0.0, "end": 1.0, "transcript": "Hello", "speaker": 1},
            {"start": 2.0, "end": 4.0, "transcript": "It broke", "speaker": 2},
        ]},
    },
    "assemblyai": {
        "id": "a-1",
        "utterances": [
            {"speaker": "1", "start": 0, "end": 1000, "text": "Hello"},
            {"speaker": "2", "start": 2000, "end": 4000, "text": "It broke"},
        ],
    },
    "zoom": {
        "type": "zoom_transcript", "ver": 1, "recording_id": "z-1", "recording_start": "2026-05-04T10:00:00Z",
        "timeline": [
            {"text": "Hello", "ts": "00:00:00.000", "end_ts": "00:00:01.000", "users": [{"username": "1", "multiple_people": False, "user_id": "16778240"}]},
            {"text": "It broke", "ts": "00:00:02.000", "end_ts": "00:00:04.000", "users": [{"username": "2", "multiple_people": False, "user_id": "16778241"}]},
        ],
    },
    "twilio-intelligence": {
        "meta": {"page": 0, "page_size": 50, "next_page_url": None, "key": "sentences"},
        "sentences": [
            {"transcript_sid": "GT1", "sentence_index": 0, "media_channel": 1, "start_time": "0.0", "end_time": "1.0", "transcript": "Hello", "confidence": "0.9"},
            {"transcript_sid": "GT1", "sentence_index": 1, "media_channel": 2, "start_time": "2.0", "end_time": "4.0", "transcript": "It broke", "confidence": "0.9"},
        ],
    },
    "gong": {
        "requestId": "r-1",
        "callTranscripts": [
            {"callId": "c-1", "transcript": [
                {"speakerId": "1", "topic": None, "sentences": [{"start": 0, "end": 1000, "text": "Hello"}]},
                {"speakerId": "2", "topic": "Faults", "sentences": [{"start": 2000, "end": 3000, "text": "It"}, {"start": 3000, "end": 4000, "text": "broke"}]},
            ]},
        ],
    },
}  # fmt: skip
PLATFORM = Platforms()


def test_every_platform_has_a_sample() -> None:
    assert set(PLATFORMS) == set(PLATFORM)


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_json_of_a_platform_is_recognised_and_read(name: str, tmp_path: Path, context: Context) -> None:
    document = PLATFORMS[name]
    assert [n for n in PLATFORMS if PLATFORM.of(PLATFORMS[n]) == PLATFORM[name]] == [name]
    path = written(tmp_path, "call.json", json.dumps(document))
    call, hello, broke = rows_of(path, context, Mapping(outbound=("1",)))
    assert (hello["direction"], hello["text"], broke["direction"], broke["text"]) == (
        "out",
        "Hello",
        "in",
        "It broke",
    )
    assert (broke["occurred_at"] - call["occurred_at"]).total_seconds() == 2.0
    again = FORMATS["call"].read(json.dumps(document).encode(), context)
    assert len(again) == 3 and not again.refused


def test_a_document_of_several_calls_is_several_and_their_beginnings_are_told(context: Context) -> None:
    first = PLATFORMS["gong"]["callTranscripts"][0]
    several = {"callTranscripts": [first, first | {"callId": "c-2"}]}
    door = FORMATS["call"]
    assert door.check(json.dumps(several).encode(), context).accepted == 2
    rows = door.read(json.dumps(several).encode(), context).arrivals.to_pylist()
    assert [r["thread"] for r in rows if r["name"] == "call"] == ["c-1", "c-2"] and len(rows) == 6
    empty = door.read(json.dumps({"callTranscripts": [first | {"transcript": []}]}).encode(), context)
    assert len(empty) == 0 and empty.refused
    [call, hello, _] = door.read(json.dumps(PLATFORMS["zoom"]).encode(), context).arrivals.to_pylist()
    assert hello["occurred_at"] == datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
    assert "start_assumed" not in told(call)


def test_pages_of_one_transcript_do_not_hide_one_another(context: Context) -> None:
    page = PLATFORMS["twilio-intelligence"]
    following = [s | {"sentence_index": s["sentence_index"] + 2} for s in page["sentences"]]
    bodies = (page, page | {"sentences": following})
    rows = [
        r for b in bodies for r in FORMATS["call"].read(json.dumps(b).encode(), context).arrivals.to_pylist()
    ]
    assert len({r["signal_id"] for r in rows}) == 6


OWN = """title = "Our switchboard"
when = "said[?words]"
turns = "said[].{speaker: who, role: who, start: at, text: words}"
"""


def test_a_layout_of_the_space_is_read_first_and_a_wrong_one_costs_no_other(
    tmp_path: Path, context: Context
) -> None:
    document = {
        "said": [
            {"who": "agent", "at": "00:00:01", "words": "Hello"},
            {"who": "customer", "at": 3, "words": "It broke"},
        ]
    }
    path = written(tmp_path, "call.json", json.dumps(document))
    assert plan_file(path).format == "json"
    own = tmp_path / "platforms"
    own.mkdir()
    (own / "ours.toml").write_text(OWN, "utf-8")
    (own / "broken.toml").write_text("title = ", "utf-8")
    known = Platforms(own)
    plan = plan_file(path, platforms=known)
    assert plan.format == "call" and [row.get("text") for row in plan.preview] == [None, "Hello", "It broke"]
    reading = FORMATS["call"].read(path.read_bytes(), msgspec.structs.replace(context, platforms=known))
    assert [r["direction"] for r in reading.arrivals.to_pylist()] == ["in", "out", "in"]
    assert known.of(PLATFORMS["zoom"]) == PLATFORM["zoom"]
    with pytest.raises(Refused, match="Invalid value"):
        known["broken"]
    (own / "ours.toml").write_text(OWN.replace("words", "text"), "utf-8")
    assert known.of(document) is None  # mended while a server runs


@pytest.mark.parametrize(
    "change", [("said[?words]", "said[?"), ('title = "Our switchboard"', ""), ("when", "wen")]
)
def test_a_wrong_layout_is_named(change: tuple[str, str]) -> None:
    with pytest.raises(Refused) as found:
        read_platform(OWN.replace(*change, 1), "ours.toml")
    assert "ours.toml" in found.value.place


def test_other_json_is_no_call(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "tickets.json",
        json.dumps({"entries": [{"text": "hello", "id": 1}, {"text": "bye", "id": 2}]}),
    )
    assert plan_file(path).format == "json"


BROKEN: dict[str, str | bytes] = {
    "empty": "WEBVTT\n\n", "no cues": "WEBVTT\n\nhello", "no speech": "WEBVTT\n\n00:01.000 --> 00:02.000\n\n",
    "no list": json.dumps({"entries": {"start_timestamp_usec": 1, "role": "A", "text": "b"}}), "torn": '{"entries": [',
    "deep": "{" + '"a":{' * 5000, "nothing": b"", "noise": bytes(range(256)),
    "no time": json.dumps({"utterances": [{"speaker": "A", "start": 0, "text": "x"}, {"speaker": "B", "start": "soon", "text": "y"}]}),
    "wrong text": json.dumps({"utterances": [{"speaker": "A", "start": 0, "text": "x"}, {"speaker": "B", "start": 1, "text": {"a": 1}}]}),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_transcript_is_refused_with_place_and_reason(name: str, context: Context) -> None:
    body = BROKEN[name]
    reading = FORMATS["call"].read(body.encode() if isinstance(body, str) else body, context)
    [refusal] = reading.refused
    assert len(reading) == 0 and refusal.reason and refusal.place.startswith("$")


def test_a_folder_of_transcripts_costs_nothing_for_a_bad_one(tmp_path: Path, context: Context) -> None:
    written(tmp_path, "a.vtt", VTT)
    written(tmp_path, "b.srt", "what is this")
    written(tmp_path, "c.srt", SRT)
    found = [reading for path in plan_paths(tmp_path) for reading in read_file(plan_file(path), context)]
    assert sum(len(r) for r in found) == 8
    assert [r.place for reading in found for r in reading.refused] == ["b.srt"]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.lists(st.sampled_from(VTT.split("\n") + SRT.split("\r\n")), max_size=12))
def test_no_text_stops_the_reader(noise: str, lines: list[str]) -> None:
    for text in (noise, "WEBVTT\n\n" + "\n".join(lines) + noise):
        with contextlib.suppress(BadRow):
            assert all(t.end >= t.start and t.text for t in read_captions(text).turns)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(PLATFORMS)),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=5), c, max_size=3), max_leaves=6),
    st.integers(0, 40),
)  # fmt: skip
def test_no_json_stops_the_reader(name: str, value: Any, at: int) -> None:
    document = json.loads(json.dumps(PLATFORMS[name]))
    _replace(document, value, [at])
    with contextlib.suppress(BadRow):
        read_transcripts(document, PLATFORM[name])


def _replace(node: Any, value: Any, left: list[int]) -> None:
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        if left[0] == 0:
            node[key] = value
            left[0] -= 1
            return
        left[0] -= 1
        if isinstance(node[key], (dict, list)) and left[0] >= 0:
            _replace(node[key], value, left)


@pytest.mark.parametrize(
    ("name", "broken", "apart"),
    [
        ("a.vtt", "00:00:03.000 --> zz", "\n"),
        ("a.vtt", "00:00:03.000 --> zz", ""),
        ("a.srt", "00:00:03,000 --> zz", "\n"),
        ("a.srt", "00:00:03,000 --> zz", ""),
        ("a.vtt", "zz --> 00:00:05.000", "\n"),
        ("a.vtt", "aa --> zz", "\n"),
        ("a.vtt", "00:00:03.000 -->", ""),
    ],
)
def test_a_cue_whose_time_is_broken_is_refused_alone_with_its_place(
    tmp_path: Path, context: Context, name: str, broken: str, apart: str
) -> None:
    head = "WEBVTT\n\n" if name.endswith("vtt") else "\n\n"
    text = (
        f"{head}00:00:01.000 --> 00:00:02.000\nCustomer: It is late.\n{apart}2\n{broken}\n"
        "Customer: Where is it?\n\n3\n00:00:09.000 --> 00:00:10.000\nAgent: Sorry.\n"
    )
    line = 7 if apart else 6
    [reading] = read_file(plan_file(written(tmp_path, name, text)), context)
    assert [r["text"] for r in reading.arrivals.to_pylist()[1:]] == ["It is late.", "Sorry."]
    [cue] = reading.refused
    assert cue.place.endswith(f"line {line}") and cue.reason == "expected the times of a cue"
    assert b"Where is it?" in cue.payload
    door = FORMATS["call"].check(text.encode(), context)
    assert (door.accepted, door.keep, len(door.refused)) == (1, text.encode(), 1)
    assert [r.place for r in FORMATS["call"].read(text.encode(), context).refused] == [f"line {line}"]


def test_an_arrow_in_speech_or_in_a_note_is_no_broken_cue() -> None:
    text = "WEBVTT\n\nNOTE a --> b\n\n00:01.000 --> 00:02.000\nAgent: menu --> settings\n"
    refused: list[Any] = []
    assert read_captions(text, "", refused).turns[0].text == "menu --> settings"
    assert refused == []
