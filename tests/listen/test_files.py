from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from allears.errors import NotFound, Refused
from allears.listen import Context, Mapping, plan_file, plan_paths, read_file
from allears.listen.plans import Limits, Plan
from allears.listen.reading import Refusal

SMALL = Limits(max_line=2_000, max_document=10_000)
TEXTS = ["the lid broke on the first day", "quick and kind people", "where is the parcel", "never again"]


def rows(count: int = 50) -> list[dict[str, Any]]:
    return [
        {
            "id": str(i),
            "created_at": "2026-05-01T10:00:00Z",
            "username": f"user_{i % 9}",
            "text": f"{TEXTS[i % 4]} {i}",
        }
        for i in range(count)
    ]


def write_csv(path: Path, delimiter: str = ",", encoding: str = "utf-8", count: int = 50) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows(1)[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows(count))
    return path


def read(
    path: Path, context: Context, limits: Limits | None = None
) -> tuple[Plan, list[dict[str, Any]], list[Refusal]]:
    plan = plan_file(path, limits=limits)
    readings = list(read_file(plan, context))
    return (
        plan,
        [row for r in readings for row in r.arrivals.to_pylist()],
        [x for r in readings for x in r.refused],
    )


def test_every_form_of_the_same_rows_reads_the_same(tmp_path: Path, context: Context) -> None:
    lines = "\n".join(json.dumps(row) for row in rows())
    (tmp_path / "a.ndjson").write_text(lines)
    (tmp_path / "a.json").write_text(json.dumps(rows()))
    (tmp_path / "b.json").write_text(json.dumps({"next": None, "items": rows()}, indent=1))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pq.write_table(pa.Table.from_pylist(rows()), tmp_path / "a.parquet")
    write_csv(tmp_path / "a.csv")
    write_csv(tmp_path / "a.tsv", "\t")
    write_csv(tmp_path / "b.csv", ";")
    write_csv(tmp_path / "utf16.csv", encoding="utf-16")
    write_csv(tmp_path / "bom.csv", encoding="utf-8-sig")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    (tmp_path / "mac.csv").write_bytes((tmp_path / "a.csv").read_bytes().replace(b"\r\n", b"\r"))
    paths = plan_paths(tmp_path)
    assert len(paths) == 12
    results = {path.name: read(path, context) for path in paths}
    expected = results["a.csv"][1]
    assert len(expected) == 50
    for name, (plan, found, refused) in results.items():
        assert (found, refused) == (expected, []), name
        assert len(plan.preview) == 3, name


def test_the_plan_shows_mapping_and_three_rows(tmp_path: Path) -> None:
    plan = plan_file(write_csv(tmp_path / "a.csv"))
    assert (plan.mapping.text, plan.mapping.id, plan.mapping.occurred_at, plan.mapping.identifiers) == (
        "text",
        "id",
        "created_at",
        {"username": "handle"},
    )
    assert [shown["text"] for shown in plan.preview] == [row["text"] for row in rows(3)]


def test_a_given_mapping_and_channel_are_used(tmp_path: Path, context: Context) -> None:
    plan = plan_file(write_csv(tmp_path / "a.csv"), channel="call", mapping=Mapping(text="username"))
    [reading] = read_file(plan, context)
    assert set(reading.arrivals.column("channel").to_pylist()) == {"call"}
    assert reading.arrivals.column("text").to_pylist()[0] == "user_0"


def test_batches_and_bytes_read_grow_to_the_end(tmp_path: Path, context: Context) -> None:
    plan = plan_file(write_csv(tmp_path / "a.csv", count=2_500))
    readings = list(read_file(plan, context, batch_rows=1_000))
    assert [r.arrivals.num_rows for r in readings] == [1_000, 1_000, 500]
    assert [r.bytes_read for r in readings] == sorted(r.bytes_read for r in readings)
    assert readings[-1].bytes_read == plan.size


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"\0\0\0"])
def test_an_empty_file_is_said_to_be_empty(content: bytes, tmp_path: Path, context: Context) -> None:
    for name in ("a.csv", "a.json", "a.parquet", "a.mbox"):
        (tmp_path / name).write_bytes(content)
        plan, found, refused = read(tmp_path / name, context)
        assert (found, [r.reason for r in refused]) == ([], ["the file is empty"])
        assert plan.warnings == ("the file is empty",)


def test_a_header_alone_has_no_rows(tmp_path: Path, context: Context) -> None:
    (tmp_path / "a.csv").write_text("id,text\n")
    assert read(tmp_path / "a.csv", context)[1:] == ([], [])


def test_windows_text_is_read_with_a_warning(tmp_path: Path, context: Context) -> None:
    (tmp_path / "a.csv").write_bytes("id,text\n1,the café was cold – “very”\n".encode("cp1252"))
    plan, found, refused = read(tmp_path / "a.csv", context)
    assert (found[0]["text"], refused) == ("the café was cold – “very”", [])
    assert any("Windows-1252" in warning for warning in plan.warnings)


def test_one_wrong_byte_in_a_good_file_is_noted_on_its_row(tmp_path: Path, context: Context) -> None:
    lines = [f"{i};größer als üblich und schön".encode() for i in range(50)]
    lines[20] = b"20;caf\xe9 closed today"
    lines[30] = b"30;\x81\x8d unreadable"
    (tmp_path / "a.csv").write_bytes(b"id;text\n" + b"\n".join(lines))
    _, found, refused = read(tmp_path / "a.csv", context)
    assert len(found) == 49
    assert [r.place for r in refused] == ["a.csv line 32"]
    assert found[20]["text"] == "café closed today"
    assert json.loads(found[20]["properties"]) == {"encoding_guessed": True}


def test_nul_bytes_are_removed_and_noted(tmp_path: Path, context: Context) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,text\n1,good and \0 well\n2,plain words here\n")
    (tmp_path / "a.ndjson").write_bytes(
        b'{"id": 1, "text": "good and \0 well"}\n{"id": 2, "text": "plain words here"}\n'
    )
    for name in ("a.csv", "a.ndjson"):
        _, found, refused = read(tmp_path / name, context)
        assert ([row["text"] for row in found], refused) == (["good and  well", "plain words here"], [])
        assert json.loads(found[0]["properties"]) == {"nul_removed": True}


def test_shifting_columns_cost_only_their_own_rows(tmp_path: Path, context: Context) -> None:
    text = 'id,text,label\n1,fine words here,x\n2,one, comma too many,x\n3,too few\n4,"a quoted, comma",x\n5,"two\nlines, even",x\n6,last words here,x,,\n'
    (tmp_path / "a.csv").write_text(text)
    _, found, refused = read(tmp_path / "a.csv", context)
    assert [row["signal_id"] for row in found] == ["shop:1", "shop:4", "shop:5", "shop:6"]
    assert found[2]["text"] == "two\nlines, even"
    assert [(r.place, r.reason) for r in refused] == [
        ("a.csv line 3", "expected 3 columns, found 4"),
        ("a.csv line 4", "expected 3 columns, found 2"),
    ]
    assert refused[0].payload == b"2,one, comma too many,x\n"


def test_a_quotation_that_never_ends_swallows_nothing(tmp_path: Path, context: Context) -> None:
    lines = [f"{i},words number {i} are here" for i in range(5_000)]
    for place in (10, 2_000, 4_990):
        lines[place] = f'{place},"an open quotation'
    (tmp_path / "a.csv").write_text("id,text\n" + "\n".join(lines))
    _, found, refused = read(tmp_path / "a.csv", context)
    assert len(found) == 4_997
    assert [r.place for r in refused] == ["a.csv line 12", "a.csv line 2002", "a.csv line 4992"]


def test_a_quotation_that_closes_in_another_row_swallows_nothing(tmp_path: Path, context: Context) -> None:
    body = 'id,text\n1,"an open quotation\n2,fine words here\n3,"another open one\n4,"kind" people, they said\n5,"so ""so""\nand so"\n'
    (tmp_path / "a.csv").write_text(body.replace("people, they", "people they"))
    _, found, refused = read(tmp_path / "a.csv", context)
    assert [row["text"] for row in found] == ["fine words here", "kind people they said", 'so "so"\nand so']
    assert [r.place for r in refused] == ["a.csv line 2", "a.csv line 4"]


def test_quotes_of_tab_separated_text_are_only_quotes(tmp_path: Path, context: Context) -> None:
    (tmp_path / "a.tsv").write_text(
        'id\ttext\n1\t"so so" they said to me\n2\t"never closed, he said\n3\tplain words here\n'
    )
    _, found, refused = read(tmp_path / "a.tsv", context)
    assert ([row["text"] for row in found][1], len(found), refused) == ('"never closed, he said', 3, [])


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson", "a.txt"])
def test_a_line_that_is_too_long_is_passed_over(name: str, tmp_path: Path, context: Context) -> None:
    good = (
        ['{"id": 1, "text": "short words here"}', '{"id": 2, "text": "more words here"}']
        if name == "a.ndjson"
        else ["1,short words here", "2,more words here"]
    )
    long = '{"id": 9, "text": "' + "x" * 9_000 + '"}' if name == "a.ndjson" else "9," + "x" * 9_000
    head = ["id,text"] if name == "a.csv" else []
    (tmp_path / name).write_text("\n".join([*head, good[0], long, good[1]]))
    _, found, refused = read(tmp_path / name, context, SMALL)
    assert len(found) == 2
    assert [(r.place, r.reason) for r in refused] == [
        (f"{name} line {len(head) + 2}", "line longer than 2,000 bytes")
    ]
    assert len(refused[0].payload) <= 4_096


@pytest.mark.slow
def test_a_line_of_two_hundred_megabytes_stays_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    with path.open("wb") as file:
        file.write(b'{"id": 1, "text": "short words here"}\n{"id": 2, "text": "')
        for _ in range(200):
            file.write(b"x" * 1_048_576)
        file.write(b'"}\n{"id": 3, "text": "more words here"}\n')
    # In a process of its own, whose peak counts what Arrow and gzip hold as well.
    script = """
import resource, sys
from datetime import UTC, datetime
from datetime import UTC, datetime
from pathlib import Path
from allears.listen import Context, plan_file, read_file
context = Context("shop", None, datetime(2026, 6, 1, tzinfo=UTC))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
list(read_file(plan_file(Path(sys.argv[2])), context))
before = peak()
readings = list(read_file(plan_file(Path(sys.argv[1])), context))
print(sum(r.arrivals.num_rows for r in readings), [x.place for r in readings for x in r.refused], peak() - before, sep=";")
"""
    small = tmp_path / "b.ndjson"
    small.write_text('{"id": 1, "text": "short words here"}\n')
    done = subprocess.run(
        [sys.executable, "-c", script, path, small], capture_output=True, text=True, check=True
    )
    rows, places, grown = done.stdout.strip().split(";")
    assert (rows, places) == ("2", "['a.ndjson line 2']")
    assert int(grown) < 100, "MB more than a small file takes"


def test_json_nested_ten_thousand_deep_costs_only_itself(tmp_path: Path, context: Context) -> None:
    deep = '{"id": 7, "text": "x", "a":' + "[" * 10_000 + "]" * 10_000 + "}"
    good = [json.dumps(row) for row in rows(5)]
    (tmp_path / "a.json").write_text("[" + ",".join([*good[:2], deep, *good[2:]]) + "]")
    (tmp_path / "a.ndjson").write_text("\n".join([*good[:2], deep, *good[2:]]))
    (tmp_path / "deep.json").write_text(deep)
    for name, place in (("a.json", "a.json $[2]"), ("a.ndjson", "a.ndjson line 3")):
        _, found, refused = read(tmp_path / name, context)
        assert (len(found), [(r.place, r.reason) for r in refused]) == (5, [(place, "nested too deeply")])
    _, found, refused = read(tmp_path / "deep.json", context)
    assert (found, [r.reason for r in refused]) == ([], ["nested too deeply"])


def test_a_document_larger_than_memory_allows_is_streamed(tmp_path: Path, context: Context) -> None:
    many = rows(400)
    (tmp_path / "a.json").write_text(json.dumps(many))
    _, found, refused = read(tmp_path / "a.json", context, SMALL)
    assert (len(found), refused) == (400, [])


def test_one_broken_row_of_a_document_is_named(tmp_path: Path, context: Context) -> None:
    parts = [json.dumps(row) for row in rows(5)]
    parts[3] = '{"id": 3, "text": nope}'
    (tmp_path / "a.json").write_text("[" + ",".join(parts) + "]")
    _, found, refused = read(tmp_path / "a.json", context)
    assert (len(found), [r.place for r in refused]) == (4, ["a.json $[3]"])


def test_right_to_left_and_emoji_survive_every_form(tmp_path: Path, context: Context) -> None:
    text = "הגיע מאוחר 😡 \u202eabc\u202c 👩\u200d👩\u200d👧"
    (tmp_path / "a.csv").write_text(f"id,text\n1,{text}\n", encoding="utf-16")
    (tmp_path / "a.json").write_text(json.dumps([{"id": 1, "text": text}]))
    (tmp_path / "a.txt").write_text(text)
    for name in ("a.csv", "a.json", "a.txt"):
        assert [row["text"] for row in read(tmp_path / name, context)[1]] == [text]


def test_a_clock_ten_years_off_is_noted(tmp_path: Path, context: Context) -> None:
    (tmp_path / "a.csv").write_text(
        "id,created_at,text\n1,2036-06-01T00:00:00Z,from the future\n2,2026-05-01T00:00:00Z,from last month\n"
    )
    _, found, _ = read(tmp_path / "a.csv", context)
    assert found[0]["occurred_at"] == context.received_at
    assert json.loads(found[0]["properties"]) == {"clock_off": True}
    assert found[1]["properties"] is None


def test_a_time_that_is_none_is_refused_with_its_column(tmp_path: Path, context: Context) -> None:
    body = (
        "id,created_at,text\n"
        + "".join(f"{i},2026-05-01T00:00:00Z,words {i} here\n" for i in range(20))
        + "99,soon,late words here\n"
    )
    (tmp_path / "a.csv").write_text(body)
    _, found, refused = read(tmp_path / "a.csv", context)
    assert (len(found), [(r.place, r.format) for r in refused]) == (
        20,
        [("a.csv line 22.created_at", "rows")],
    )


def test_equal_rows_without_ids_are_kept_apart_and_stay_the_same(tmp_path: Path, context: Context) -> None:
    (tmp_path / "a.csv").write_text("text\n" + "the same words\n" * 3 + "other words here\n")
    first = [row["signal_id"] for row in read(tmp_path / "a.csv", context)[1]]
    assert len(set(first)) == 4
    assert [row["signal_id"] for row in read(tmp_path / "a.csv", context)[1]] == first


def test_whole_conversations_share_one_thread(tmp_path: Path, context: Context) -> None:
    (tmp_path / "a.csv").write_text(
        "tweet_id,author_id,inbound,created_at,text,in_response_to_tweet_id\n"
        "3,shop_help,False,Mon Jun 01 10:02:00 +0000 2026,we look into it at once,2.0\n"
        "2,115712,True,Mon Jun 01 10:01:00 +0000 2026,it is still not here,1.0\n"
        "1,115712,True,Mon Jun 01 10:00:00 +0000 2026,where is my parcel,\n"
        "9,115713,True,Mon Jun 01 10:00:00 +0000 2026,thank you very much,\n"
    )
    _, found, refused = read(tmp_path / "a.csv", context)
    assert refused == []
    assert [row["thread"] for row in found] == ["1", "1", "1", "9"]
    assert [row["direction"] for row in found] == ["out", "in", "in", "in"]
    assert found[0]["identifiers"] == [{"type": "handle", "value": "115712"}]


def test_a_torn_archive_keeps_what_came_before(tmp_path: Path, context: Context) -> None:
    lines = "\n".join(json.dumps(row) for row in rows(5_000)).encode()
    whole = gzip.compress(lines)
    (tmp_path / "a.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    _, found, refused = read(tmp_path / "a.ndjson.gz", context)
    assert found
    assert "torn" in refused[-1].reason


def test_a_broken_parquet_file_is_refused(tmp_path: Path, context: Context) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + b"\1" * 100)
    _, found, refused = read(tmp_path / "a.parquet", context)
    assert (found, [r.reason for r in refused]) == ([], ["not readable as Parquet"])
    (tmp_path / "b.parquet").write_bytes(gzip.compress(b"PAR1" + b"\1" * 100))
    with pytest.raises(Refused):
        plan_file(tmp_path / "b.parquet")


def test_mail_files_are_messages(tmp_path: Path, context: Context) -> None:
    letter = b"From: ada@example.com\nMessage-ID: <%d@x>\nDate: Sat, 30 May 2026 10:00:00 +0000\n\nwords %d\n"
    (tmp_path / "a.eml").write_bytes(letter % (1, 1))
    (tmp_path / "b.mbox").write_bytes(
        b"".join(b"From x Mon Jun  1 10:00:00 2026\n" + letter % (i, i) + b"\n" for i in range(4))
    )
    plan, found, _ = read(tmp_path / "a.eml", context)
    assert (plan.format, [row["text"] for row in found], len(plan.preview)) == ("mail", ["words 1"], 1)
    plan, found, _ = read(tmp_path / "b.mbox", context)
    assert ([row["text"] for row in found], len(plan.preview)) == (
        ["words 0", "words 1", "words 2", "words 3"],
        3,
    )


def test_folders_list_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("in/b.json", "a.csv", "notes.md", ".hidden.csv"):
        (tmp_path / name).write_text("x")
    assert [path.name for path in plan_paths(tmp_path)] == ["a.csv", "b.json"]
    assert plan_paths(tmp_path / "notes.md") == [tmp_path / "notes.md"]
    with pytest.raises(NotFound):
        plan_paths(tmp_path / "nowhere")
    with pytest.raises(NotFound):
        plan_file(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("book.xlsx", b"PK\x03\x04rest", "an Excel workbook"),
        ("book.csv", b"PK\x03\x04rest", "an Excel workbook"),
        ("old.xls", b"\xd0\xcf\x11\xe0rest", "an old Excel"),
        ("report.pdf", b"%PDF-1.7 rest", "a PDF"),
        ("rows.parquet", bytes(range(200, 256)) * 9, "not readable as Parquet"),
        (
            "rows.csv.gz",
            gzip.compress(b"id,text\n1,hello\n", mtime=0)[:14],
            "torn: nothing of it can be read",
        ),
    ],
)
def test_a_file_of_a_kind_that_is_not_read_says_so(tmp_path: Path, name: str, body: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(body)
    plan = plan_file(tmp_path / name)
    (reading,) = read_file(plan, Context("x", None, datetime(2026, 6, 1, tzinfo=UTC)))
    assert why in plan.warnings[0] and [r.reason for r in reading.refused] == [plan.warnings[0]]
    assert reading.arrivals.num_rows == 0


def test_an_array_that_is_cut_short_costs_only_the_row_it_is_cut_in(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(
        b'[{"id": "1", "text": "one"}, {"id": "2", "text": "two"}, {"id": "3", "te'
    )
    (reading,) = read_file(
        plan_file(tmp_path / "a.json"), Context("x", None, datetime(2026, 6, 1, tzinfo=UTC))
    )
    assert reading.arrivals["text"].to_pylist() == ["one", "two"]
    assert [(r.place, "cut short" in r.reason) for r in reading.refused] == [("a.json $[2]", True)]


def test_a_mapping_that_names_columns_which_are_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,say\n1,hello\n", "utf-8")
    plan = plan_file(tmp_path / "a.csv", mapping=Mapping(id="id", text="said", reach=("likes",)))
    assert plan.warnings == ("the first rows have no likes, said, which the mapping names",)
    assert plan_file(tmp_path / "a.csv", mapping=Mapping(id="id", text="say")).warnings == ()


def test_half_an_emoji_in_a_file_costs_its_letter_and_not_the_row(tmp_path: Path, context: Context) -> None:
    lines = '{"text": "cut \\ud83d"}\n{"text": "whole \\ud83d\\ude00"}\n'
    (tmp_path / "a.ndjson").write_text(lines)
    (tmp_path / "a.json").write_text("[" + lines.replace("}\n{", "},\n{") + "]")
    for name in ("a.ndjson", "a.json"):
        _, found, refused = read(tmp_path / name, context)
        assert ([row["text"] for row in found], refused) == (["cut �", "whole \U0001f600"], [])


def test_a_bare_carriage_return_in_a_row_costs_that_row_alone(tmp_path: Path, context: Context) -> None:
    for name, cut in (("a.tsv", b"\t"), ("a.csv", b",")):
        rows = (b"id,text,stars", b"1,fine,5", b'2,"late" again\rand again,1', b"3,odd\rrow,2", b"4,good,4")
        (tmp_path / name).write_bytes(b"\n".join(row.replace(b",", cut) for row in rows) + b"\n")
        _, found, refused = read(tmp_path / name, context)
        assert [row["text"] for row in found] == ["fine", "good"]
        assert {r.reason for r in refused} == {"a bare carriage return in the middle of a row"}
