"""Messages in the shapes that vendors send, and whole e-mails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.header import Header
from email.utils import format_datetime, formataddr
from typing import Any

import msgspec

from allears.testing.message import Message

Row = dict[str, Any]
_WROTE = {
    "en": "On {day}, Larkfield <help@larkfield.example> wrote:", "de": "Am {day} schrieb Larkfield <help@larkfield.example>:",
    "it": "Il {day} Larkfield <help@larkfield.example> ha scritto:", "fr": "Le {day}, Larkfield <help@larkfield.example> a écrit :",
    "es": "El {day}, Larkfield <help@larkfield.example> escribió:",
}  # fmt: skip
_SUBJECTS = {
    "en": ("Question", "Problem", "My order", "Please help", "Complaint", "Hello"), "de": ("Frage", "Problem", "Meine Bestellung", "Bitte um Hilfe"),
    "it": ("Domanda", "Problema", "Il mio ordine", "Reclamo"), "fr": ("Question", "Problème", "Ma commande", "Réclamation"),
    "es": ("Consulta", "Problema", "Mi pedido", "Reclamación"),
}  # fmt: skip


def write_rows(messages: list[Message], market: Callable[[Message], str]) -> bytes:
    """Write messages of one source as lines of JSON, in its vendor's shape."""
    shape = _SHAPES[messages[0].source]
    encode = msgspec.json.encode
    return b"\n".join(encode(shape(message, market(message))) for message in messages)


def write_mail(message: Message, signature: str) -> bytes:
    """Write one message as an e-mail, with the earlier mail quoted below where it answers one."""
    who = message.extra["who"]
    at = moment(message.at)
    subject = _subject(message)
    head = [
        f"From: {formataddr((_header(who['name']), who['email']))}",
        "To: Larkfield <help@larkfield.example>",
        f"Date: {format_datetime(at)}",
        f"Message-ID: <{message.id}>",
        f"Subject: {_header(subject)}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ]
    body = message.text + (f"\n-- \n{signature}" if signature else "")
    if quoted := message.extra.get("quoted"):
        head.insert(4, f"In-Reply-To: <{message.id.split('.')[0]}.help@larkfield.example>")
        day = (at - timedelta(days=1)).strftime("%d/%m/%Y")
        body += "\n\n" + _WROTE[message.language].format(day=day) + "\n> " + quoted
    return ("\r\n".join(head) + "\r\n\r\n" + body.replace("\n", "\r\n") + "\r\n").encode()


def moment(at: int) -> datetime:
    """Turn milliseconds since 1970 into a time."""
    return datetime.fromtimestamp(at / 1000, UTC)


def _header(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=300).encode()


def _subject(message: Message) -> str:
    words = _SUBJECTS[message.language]
    subject = words[message.at // 7 % len(words)]
    return f"Re: {subject}" if message.extra.get("quoted") else subject


def _clean(row: Row) -> Row:
    return {key: value for key, value in row.items() if value is not None}


def _helpdesk(m: Message, market: str) -> Row:
    who = m.extra["who"]
    requester = _clean(
        {
            "name": who["name"],
            "email": who.get("email"),
            "phone": who.get("phone"),
            "customer_id": who.get("user_id"),
        }
    )
    return {
        "id": int(m.id), "ticket_id": int(m.extra["thread"]), "created_at": moment(m.at).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject": _subject(m), "body": m.text, "author_role": "agent" if m.extra.get("out") else "end-user",
        "requester": requester, "via": {"channel": ("web", "email", "phone")[m.at % 3]}, "market": market,
    }  # fmt: skip


def _live_chat(m: Message, market: str) -> Row:
    who = m.extra["who"]
    visitor = _clean({"name": who["name"], "email": who.get("email"), "visitor_id": who.get("anonymous_id")})
    return {
        "message_id": m.id, "conversation_id": m.extra["thread"], "timestamp": m.at, "text": m.text,
        "sender_type": "agent" if m.extra.get("out") else "visitor", "visitor": visitor, "market": market,
    }  # fmt: skip


def _microblog(m: Message, market: str) -> Row:
    who = m.extra["who"]
    row = {
        "created_at": moment(m.at).strftime("%a %b %d %H:%M:%S +0000 %Y"), "id": int(m.id), "id_str": m.id, "text": m.text,
        "user": {"screen_name": who["handle"], "name": who["name"], "followers_count": m.extra["followers"]},
        "in_reply_to_status_id_str": m.extra.get("reply"), "retweet_count": m.extra.get("retweets", 0), "lang": m.language,
        "direction": "outgoing" if m.extra.get("out") else "incoming",
    }  # fmt: skip
    if "share" in m.extra:
        text = m.text.split(": ", 1)[1]
        row["retweeted_status"] = {
            "id_str": m.extra["share"],
            "text": text,
            "user": {"screen_name": m.extra["shared_handle"]},
        }
    return row


def _app_review(m: Message, market: str) -> Row:
    return {
        "review_id": m.id, "submitted_at": moment(m.at).astimezone(timezone(timedelta(hours=-7))).isoformat(timespec="seconds"),
        "stars": m.extra["stars"], "title": m.extra["title"], "body": m.text, "nickname": m.extra["who"]["name"],
        "app_version": m.extra["version"], "platform": {"ios": "iOS", "android": "Android"}.get(m.extra["platform"], "iOS"), "market": market,
    }  # fmt: skip


def _product_review(m: Message, market: str) -> Row:
    who = m.extra["who"]
    return _clean({
        "review_id": int(m.id), "date_created": moment(m.at).strftime("%Y-%m-%d %H:%M:%S+00:00"), "rating": m.extra["stars"],
        "headline": m.extra["title"], "review_text": m.text, "reviewer_name": who["name"], "customer_id": who.get("user_id"), "market": market,
    })  # fmt: skip


def _review_site(m: Message, market: str) -> Row:
    who = m.extra["who"]
    return {
        "id": m.id, "created_at": moment(m.at).isoformat(timespec="milliseconds"), "stars": m.extra["stars"], "title": m.extra["title"],
        "text": m.text, "consumer": _clean({"display_name": who["name"], "email": who.get("email")}), "market": market,
    }  # fmt: skip


def _sms(m: Message, market: str) -> Row:
    return {
        "message_sid": m.id, "from": m.extra["who"]["phone"], "to": "+445550100", "body": m.text,
        "date_sent": format_datetime(moment(m.at)), "num_segments": 1 + len(m.text) // 160,
    }  # fmt: skip


def _survey(name: str) -> Callable[[Message, str], Row]:
    def shape(m: Message, market: str) -> Row:
        return _clean({
            "response_id": m.id, "submitted_at": m.at // 1000, name: m.extra["score"], "comment": m.text or None,
            "respondent": {"email": m.extra["who"]["email"]}, "market": market,
        })  # fmt: skip

    return shape


def _staff(m: Message, market: str) -> Row:
    who = m.extra["who"]
    caller = _clean({"name": who["name"], "email": who["email"], "employee_id": who.get("user_id")})
    return {
        "id": m.id, "opened_at": moment(m.at).astimezone(timezone(timedelta(hours=1))).isoformat(timespec="seconds"),
        "description": m.text, "caller": caller, "market": market,
    }  # fmt: skip


def _partner(m: Message, market: str) -> Row:
    who = m.extra["who"]
    return {
        "message_id": m.id, "sent_at": moment(m.at).astimezone(timezone(timedelta(hours=2))).isoformat(timespec="seconds"),
        "company": m.extra["organisation"], "contact": {"name": who["name"], "email": who["email"]}, "message": m.text, "market": market,
    }  # fmt: skip


_SHAPES: dict[str, Callable[[Message, str], Row]] = {
    "helpdesk": _helpdesk, "live-chat": _live_chat, "microblog": _microblog, "app-reviews": _app_review,
    "product-reviews": _product_review, "review-site": _review_site, "sms-line": _sms, "recommendation": _survey("nps"),
    "satisfaction": _survey("csat"), "staff-desk": _staff, "carrier-portal": _partner,
}  # fmt: skip
