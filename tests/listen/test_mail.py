from __future__ import annotations

import json
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from allears.listen import FORMATS, Context
from allears.listen.hypertext import read_html
from allears.listen.mail import stream_messages
from allears.listen.quotations import own_words

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


@pytest.mark.parametrize(
    "text",
    [
        "Pas réparé.\n\nLe lun. 1 juin 2026 à 10:00, Shop <help@shop.example> a écrit :\n> Et ?",
        "No arreglado.\n\nEl lun, 1 jun 2026 a las 10:00, Shop (<help@shop.example>) escribió:\n> ¿Y?",
        "Non riparato.\n\nIl giorno lun 1 giu 2026 alle ore 10:00 Shop <help@shop.example>\nha scritto:\n> E?",
        "Nie naprawione.\n\npon., 1 cze 2026 o 10:00 Shop <help@shop.example> napisał(a):\n> I?",
        "Не починили.\n\n1 июн. 2026 г., в 10:00, Shop <help@shop.example> написал:\n> И?",
        "直っていません。\n\n2026年6月1日(月) 10:00 Shop <help@shop.example>のメール:\n> どうですか",
        "没修好。\n\nShop <help@shop.example> 于2026年6月1日周一 10:00写道：\n> 怎么样",
        "Nicht repariert.\n\nVon: Shop <help@shop.example>\nGesendet: Montag, 1. Juni 2026 10:00\nAn: Ada\nBetreff: Deckel\nUnd?",
        "Niet gemaakt.\n\n________________________________\nVan: Shop\nVerzonden: maandag\nEn?",
        "Nicht repariert.\n\nMit freundlichen Grüßen\nAda Byrne\nMühlweg 1",
        "Inte lagad.\n\nMed vänliga hälsningar,\nAda",
        "Not mended.\n\nBegin forwarded message:\n\nhello",
    ],
)
def test_quotations_and_signatures_are_known_in_many_languages(text: str) -> None:
    assert own_words(text) == text.split("\n")[0]


@pytest.mark.parametrize(
    "text",
    [
        "My neighbour wrote:\nnever buy there again",
        "What I need:\n- a new lid\n- a refund",
        "From: the start it was loud.\nIt still is.",
        "Best\nprice, worst lid. "
        + "I waited and waited for it to be mended and nobody ever called me back about it, " * 2,
        "Regards",
    ],
)
def test_what_only_looks_like_a_quotation_stays(text: str) -> None:
    assert own_words(text) == text.strip()


def test_a_long_hostile_text_is_read_in_time_that_grows_with_its_length() -> None:
    assert own_words("wrote " * 200_000 + ":") and own_words("On 1.1.\n" * 100_000 + "x")
    assert read_html("<" * 300_000) and read_html("<!--" * 100_000) == "" and read_html("<a " * 100_000)


@pytest.mark.parametrize(
    "markup",
    [
        '<div>It leaks.</div><div class="gmail_quote"><div>On Mon someone wrote</div><blockquote>Does it?</blockquote></div>',
        '<p>It leaks.</p><div id="divRplyFwdMsg"><b>From:</b> Shop</div><p>Does it?</p>',
        '<p>It leaks.</p><blockquote type="cite"><p>Does it?</p><p>Really?</p></blockquote>',
        '<div style="display:none">preview <div>of</div> it</div><p>It leaks.</p><script>alert("<p>")</script>',
        "<!-- a > b --><style>p { color: red }</style>It&nbsp;leaks.<br><br>",
    ],
)
def test_html_mail_keeps_what_the_writer_wrote(markup: str, context: Context) -> None:
    message = letter()
    message.set_content(f"<html><body>{markup}</body></html>", subtype="html")
    assert MAIL.read(message.as_bytes(), context).arrivals["text"].to_pylist() == ["It leaks."]


BOUNCE = b"""From: Mail Delivery System <MAILER-DAEMON@mx.shop.example>
To: help@shop.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <b1@mx>
Content-Type: multipart/report; report-type=delivery-status; boundary="cut"
MIME-Version: 1.0

--cut
Content-Type: text/plain

Your message could not be delivered.

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.shop.example

Final-Recipient: rfc822; Ada@Example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--cut
Content-Type: message/rfc822

From: help@shop.example
To: ada@example.com
Message-ID: <asked@shop>
Subject: Your lid

Is it mended?

--cut--
"""


def test_a_bounce_is_an_event_about_the_person_it_did_not_reach(context: Context) -> None:
    [row] = MAIL.read(BOUNCE, context).arrivals.to_pylist()
    assert (row["kind"], row["name"], row["text"], row["thread"]) == (
        "event",
        "mail bounced",
        None,
        "asked@shop",
    )
    assert row["identifiers"] == [{"type": "email", "value": "ada@example.com"}]
    told = json.loads(row["properties"])
    assert (told["automatic"], told["status"]) == ("mail bounced", "5.1.1")


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Auto_Submitted": "auto-replied"}, "automatic reply"),
        ({"Auto_Submitted": "auto-generated", "In_Reply_To": "<asked@shop>"}, "automatic reply"),
        ({"Precedence": "auto_reply"}, "automatic reply"),
        ({"X_Autoreply": "yes"}, "automatic reply"),
        ({"Subject": "Automatische Antwort: Ihr Deckel"}, "automatic reply"),
        ({"Subject": "Out of Office: your lid"}, "automatic reply"),
        ({"Precedence": "bulk"}, "bulk mail"),
        ({"List_Unsubscribe": "<https://example.com/u>"}, "bulk mail"),
        ({"From": "MAILER-DAEMON"}, "mail bounced"),
    ],
)
def test_what_no_person_wrote_is_an_event_without_text(
    headers: dict[str, str], name: str, context: Context
) -> None:
    [row] = MAIL.read(
        letter("I am away, it is terrible.", **headers).as_bytes(), context
    ).arrivals.to_pylist()
    assert (row["kind"], row["name"], row["text"]) == ("event", name, None)
    assert json.loads(row["properties"])["written"] == "I am away, it is terrible."


def test_a_customer_who_writes_to_a_group_address_is_a_person(context: Context) -> None:
    group = {
        "Precedence": "list",
        "List_Id": "<help.shop.example>",
        "List_Post": "<https://groups/help>",
        "List_Unsubscribe": "<https://u>",
    }
    [row] = MAIL.read(letter(Auto_Submitted="no", **group).as_bytes(), context).arrivals.to_pylist()
    assert (row["kind"], row["text"]) == ("feedback", "The lid broke.")


def test_attachments_are_named_and_not_kept(context: Context) -> None:
    message = letter()
    message.add_attachment(b"\x89PNG" + b"x" * 3000, maintype="image", subtype="png", filename="lid.png")
    [row] = MAIL.read(message.as_bytes(), context).arrivals.to_pylist()
    [named] = json.loads(row["properties"])["attachments"]
    assert (named["name"], named["type"]) == ("lid.png", "image/png") and 2900 < named["bytes"] < 3200
    assert row["text"] == "The lid broke." and "iVBOR" not in str(row)


@pytest.mark.parametrize(
    "header",
    [
        b"From: a@exam\xff\xff;\xff\xffple.ac@",
        b"From: a@example.com\nMessage-ID: <\xff@x>\nReferences: <\xff\xfe@x>",
    ],
)
def test_bytes_that_are_no_text_in_a_header_cost_no_message(header: bytes) -> None:
    body = header + b"\nSubject: Parcel\n\nIt never came\n"
    context = Context(source="post", channel=None, received_at=datetime(2026, 6, 2, tzinfo=UTC))
    assert MAIL.check(body, context).accepted == 1
    assert MAIL.read(body, context).arrivals["text"].to_pylist() == ["It never came"]


def _within(depth: int) -> bytes:
    parts = (b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return b"From: a@example.com\r\n" + b"".join(parts) + b"Content-Type: text/plain\r\n\r\ndeep\r\n"


@pytest.mark.parametrize(
    "hostile",
    [
        _within(10_000),
        b"From: a@example.com\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 5_000,
    ],
    ids=["parts", "forwarded"],
)
def test_parts_within_parts_without_end_are_one_refused_message(hostile: bytes, context: Context) -> None:
    begin = b"From - Thu Jan  1 00:00:00 1970\n"
    reading = MAIL.read(begin + hostile + b"\n\n" + begin + letter().as_bytes(), context)
    assert [r["text"] for r in reading.arrivals.to_pylist()] == ["The lid broke."]
    assert [(r.place, r.reason) for r in reading.refused] == [("message 1", "not readable as e-mail")]


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"X-%d: a\r\n" % n for n in range(200_000)),
        b"Subject: " + b"=?utf-8?q?=41?= " * 50_000 + b"\r\n",
        b"Content-Type: text/plain; " + b"a*0=b;" * 50_000 + b"\r\n",
    ],
    ids=["very many", "encoded words", "parameters"],
)
def test_headers_without_end_cost_no_more_than_reading_them(head: bytes, context: Context) -> None:
    # Each took minutes or hours of one processor: the test ends in seconds, or not at all.
    reading = MAIL.read(b"From: a@example.com\r\n" + head + b"\r\nhello", context)
    assert reading.arrivals.num_rows + len(reading.refused) == 1


def test_a_sentence_that_begins_with_from_and_holds_a_time_is_no_new_message(context: Context) -> None:
    body = letter("hi\n\nFrom the start at 10:30 it was bad.").as_bytes()
    dated = (b"From ada@example.com Fri Jul  8 12:08:34 2011\n", b"From - 2026-01-02 10:00:00\n")
    reading = MAIL.read(dated[0] + body + b"\n" + dated[1] + letter(Message_ID="<m2@x>").as_bytes(), context)
    assert [r["text"] for r in reading.arrivals.to_pylist()] == [
        "hi\n\nFrom the start at 10:30 it was bad.",
        "The lid broke.",
    ]
    lines = (dated[0] + body + b"\n" + dated[1] + body).splitlines(keepends=True)
    assert len(list(stream_messages(iter(lines), 10_000))) == 2


def test_a_date_that_no_clock_can_show_costs_no_message(context: Context) -> None:
    for date in (f"Mon, 01 Jun 026 1{'9' * 40}:00:00 #0000", f"Mon, 01 Jun 2026 10:00:00 +{'9' * 40}"):
        letter = f"From: ada@example.com\nDate: {date}\nSubject: Parcel\n\nIt never came.\n".encode()
        reading = FORMATS["mail"].read(letter, context)
        [row] = reading.arrivals.to_pylist()
        assert (row["occurred_at"], reading.refused) == (context.received_at, [])
