"""Mail that no person wrote: bounces, delivery and read receipts, absence notes, bulk mail.

It is kept, as an event, and said of whom it tells; but it is nobody's words, so it takes no part in sentiment, topics and issues.
"""

from __future__ import annotations

import re
from email.message import EmailMessage, Message
from email.utils import getaddresses
from typing import NamedTuple

BOUNCED, DELAYED, RECEIPT, REPLY, BULK = (
    "mail bounced",
    "mail delayed",
    "mail receipt",
    "automatic reply",
    "bulk mail",
)
_DAEMON = re.compile(r"^(mailer-daemon|postmaster|mail-daemon|mdaemon)@", re.I)
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_ADDRESS = re.compile(r"[^\s<>;,\"]{1,64}@[^\s<>;,\"]{1,255}")
# What exchange servers put before the subject of an absence note, which they do not always mark in the headers.
_ABSENT = re.compile(
    r"^\s*(?:\[?auto(?:matic)?[ -]?(?:reply|response)\]?|out of (?:the )?office|automatische antwort|abwesenheits(?:notiz|nachricht|assistent)|réponse automatique"
    r"|absence du bureau|respuesta automática|fuera de (?:la )?oficina|risposta automatica|fuori sede|automatisch antwoord|afwezigheids(?:bericht|assistent)"
    r"|resposta automática|autosvar|automatiskt svar|automatisk svar|automaattinen vastaus|automatyczna odpowiedź|automatická odpověď"
    r"|автоматический ответ|automatikus válasz|otomatik yanıt|自動応答|自动答复|自動回覆|자동 회신)\s*[:：\-]",
    re.I,
)
_BULK = frozenset(("bulk", "junk"))
_REPLYING = frozenset(("auto_reply", "auto-reply", "autoreply"))


class Automatic(NamedTuple):
    """What kind of automatic mail it is; for a bounce also whom it did not reach and why."""

    name: str
    about: str | None = None
    status: str | None = None
    answers: str | None = None


def automatic(message: EmailMessage, header: dict[str, str]) -> Automatic | None:
    """Tell automatic mail from what a person wrote; None for a person.

    Parameters
    ----------
    header
        Lower-case name to decoded value of the headers.

    References
    ----------
    RFC 3464 (delivery status), RFC 3834 (automatic responses), RFC 8098 (dispositions).

    Examples
    --------
    >>> automatic(EmailMessage(), {"auto-submitted": "auto-replied", "subject": "Away"})
    Automatic(name='automatic reply', about=None, status=None, answers=None)
    >>> automatic(EmailMessage(), {"auto-submitted": "no", "subject": "My order"}) is None
    True
    """
    return _report(message, header) or _marked(header)


def _report(message: EmailMessage, header: dict[str, str]) -> Automatic | None:
    sender = next((a for _, a in getaddresses([header.get("from", "")]) if "@" in a), "")
    kind = (
        str(message.get_param("report-type", "")).lower()
        if message.get_content_type() == "multipart/report"
        else ""
    )
    if kind == "disposition-notification":
        return Automatic(RECEIPT, answers=_answered(message))
    if kind == "delivery-status":
        fields = _delivery(message)
        action = fields.get("action", "failed").strip().lower()
        about = _address(fields.get("original-recipient") or fields.get("final-recipient"))
        name = {"delayed": DELAYED, "failed": BOUNCED}.get(action, RECEIPT)
        return Automatic(name, about, _status(fields.get("status", "")), _answered(message))
    if header.get("x-failed-recipients"):
        return Automatic(BOUNCED, _address(header["x-failed-recipients"]), None, _answered(message))
    if _DAEMON.match(sender or header.get("from", "").strip(' <>"') + "@"):
        return Automatic(BOUNCED, None, None, _answered(message))
    return None


def _marked(header: dict[str, str]) -> Automatic | None:
    submitted = header.get("auto-submitted", "").split(";")[0].strip().lower()
    precedence = header.get("precedence", "").strip().lower()
    if submitted == "auto-replied" or precedence in _REPLYING or _ABSENT.match(header.get("subject", "")):
        return Automatic(REPLY)
    if any(
        header.get(name, "no").strip().lower() != "no"
        for name in ("x-autoreply", "x-autorespond", "x-autoresponder")
    ):
        return Automatic(REPLY)
    if submitted not in ("", "no"):
        # auto-generated is also what exchange servers put on absence notes: those answer something.
        return Automatic(REPLY if header.get("in-reply-to") else BULK)
    # A support address is often a group, which adds list headers to what customers write: a list that takes posts is no newsletter.
    group = header.get("list-post") or header.get("x-google-group-id")
    if not group and (precedence in _BULK or header.get("list-unsubscribe")):
        return Automatic(BULK)
    return None


def _delivery(message: EmailMessage) -> dict[str, str]:
    """Read the per-recipient fields: those of the first recipient that failed, else of the first."""
    blocks: list[Message] = []
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status" and isinstance(part.get_payload(), list):
            blocks += [block for block in part.get_payload() if isinstance(block, Message)]
    found = [{name.lower(): str(value) for name, value in block.items()} for block in blocks]
    told = [fields for fields in found if "final-recipient" in fields or "action" in fields]
    failed = [fields for fields in told if fields.get("action", "").strip().lower() == "failed"]
    return (failed or told or [{}])[0]


def _answered(message: EmailMessage) -> str | None:
    """Find the id of the message that came back."""
    for part in message.walk():
        held = part.get_payload() if part.get_content_type() == "message/rfc822" else None
        if isinstance(held, list) and held and isinstance(held[0], Message):
            return _id(str(held[0].get("Message-ID", "")))
        if part.get_content_type() in ("text/rfc822-headers", "message/disposition-notification"):
            found = re.search(r"^(?:Original-)?Message-ID:\s*<([^<>\s]+)>", str(part), re.I | re.M)
            if found:
                return found[1]
    return None


def _id(text: str) -> str | None:
    return text.strip().strip("<>") or None


def _address(field: str | None) -> str | None:
    found = _ADDRESS.search((field or "").rpartition(";")[2])
    return found.group().lower().strip(".") if found else None


def _status(field: str) -> str | None:
    found = _STATUS.search(field)
    return found.group() if found else None
