from __future__ import annotations

import json
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from allears.listen import FORMATS, Context
from allears.listen.mail import own_words, stream_messages

MAIL = FORMATS["mail"]


def letter(text: str = "The lid broke.", **headers: str) -> EmailMessage:
    message = EmailMessage()
    base = {
        "From": "Ada Byrne <Ada@Example.com>",
        "To": "help@shop.example",
        "Subject": "Broken lid",
        "Date": "Sat, 30 May 2026 10:00:00 +0200",
        "Message-ID": "<m1@x>",
    }
    for name, value in (base | {k.replace("_", "-"): v for k, v in headers.items()}).items():
        if value:
            message[name] = value
    message.set_content(text)
    return message


def test_a_message_becomes_feedback(context: Context) -> None:
    [row] = MAIL.read(letter().as_bytes(), context).arrivals.to_pylist()
    assert (row["channel"], row["kind"], row["text"], row["signal_id"], row["thread"]) == (
        "email",
        "feedback",
        "The lid broke.",
        "shop:m1@x",
        "m1@x",
    )
    assert row["identifiers"] == [{"type": "email", "value": "ada@example.com"}]
    assert {"type": "name", "value": "Ada Byrne"} in row["personal"]
    assert row["occurred_at"] == datetime(2026, 5, 30, 8, tzinfo=UTC)
    assert json.loads(row["properties"]) == {"subject": "Broken lid"}


def test_a_conversation_is_named_by_its_first_message(context: Context) -> None:
    answers = [
        letter(Message_ID="<m2@x>", In_Reply_To="<m1@x>"),
        letter(Message_ID="<m3@x>", References="<m1@x> <m2@x>", In_Reply_To="<m2@x>"),
    ]
    assert [MAIL.read(m.as_bytes(), context).arrivals.column("thread").to_pylist() for m in answers] == [
        ["m1@x"],
        ["m1@x"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Not mended.\n\nOn Mon, 1 Jun 2026 at 10:00, Shop <help@shop.example>\nwrote:\n> Is it?\n",
        "Not mended.\n\n-----Original Message-----\nFrom: Shop\nIs it?",
        "Not mended.\n\nFrom: Shop <help@shop.example>\nSent: Monday\nTo: Ada\nIs it?",
        "Not mended.\n\nAm 01.06.2026 um 10:00 schrieb Shop:\n> Is it?",
        "Not mended.\n-- \nAda Byrne\n1 Mill Lane",
        "Not mended.\n\nSent from my phone",
        "> Is it?\nNot mended.",
    ],
)
def test_quotations_and_signatures_are_left_out(text: str) -> None:
    assert own_words(text) == "Not mended."


def test_html_alone_is_read_as_text(context: Context) -> None:
    message = letter()
    message.set_content(
        "<html><head><style>p {}</style></head><body><p>Tea &amp; cake</p></body></html>", subtype="html"
    )
    assert MAIL.read(message.as_bytes(), context).arrivals.column("text").to_pylist() == ["Tea & cake"]


def test_a_wrong_charset_costs_no_message(context: Context) -> None:
    raw = b'From: a@example.com\nContent-Type: text/plain; charset="utf-8"\n\ncaf\xe9 is cold\n'
    odd = b'From: a@example.com\nContent-Type: text/plain; charset="klingon"\n\nwarm\n'
    assert MAIL.read(raw, context).arrivals.column("text").to_pylist() == ["café is cold"]
    assert MAIL.read(odd, context).arrivals.column("text").to_pylist() == ["warm"]


def test_broken_headers_still_give_a_row_that_can_be_written(context: Context) -> None:
    raw = b"From: \xff\xfe <a@example.com>\nSubject: =?utf-8?q?=ff=fe?= \xfa\nDate: yesterday\n\nhello\n"
    reading = MAIL.read(raw, context)
    assert reading.arrivals.column("text").to_pylist() == ["hello"]
    assert reading.arrivals.column("occurred_at").to_pylist() == [context.received_at]


def test_an_mbox_keeps_its_good_messages(context: Context) -> None:
    parts = [letter(f"number {i}", Message_ID=f"<n{i}@x>").as_bytes() for i in range(3)]
    bad = b"Subject: nobody sent this\n\nhello\n"
    body = b"".join(
        b"From x@y Mon Jun  1 10:00:00 2026\n" + part + b"\n" for part in (parts[0], bad, *parts[1:])
    )
    checked = MAIL.check(body, context)
    assert (checked.accepted, [r.place for r in checked.refused]) == (3, ["message 2.From"])
    assert MAIL.read(checked.keep, context).arrivals.column("text").to_pylist() == [
        "number 0",
        "number 1",
        "number 2",
    ]


def test_an_endless_message_is_passed_over_and_the_next_one_read() -> None:
    lines = [b"From a Mon Jun  1 10:00:00 2026\n", b"From: a@b.c\n", b"\n"] + [b"x" * 100 + b"\n"] * 50
    lines += [b"\n", b"From a Mon Jun  1 10:00:01 2026\n", b"From: a@b.c\n", b"\n", b"short\n"]
    assert [part if part is None else len(part) > 0 for part in stream_messages(iter(lines), 1000)] == [
        None,
        True,
    ]


def test_nothing_is_refused(context: Context) -> None:
    assert MAIL.check(b"", context).refused[0].reason == "the body is empty"
