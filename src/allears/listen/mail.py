"""E-mail: one message, or an mbox of many, each turned into one arrival."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime

from allears.listen.gather import Gather
from allears.listen.mapping import plain
from allears.listen.reading import BadRow, Checked, Context, Reading, Refusal, refuse
from allears.listen.times import read_time

_FROM_LINE = re.compile(rb"(?:^|\r?\n\r?\n)From [^\n]*\d\d:\d\d[^\n]*\r?\n")
_MARK = re.compile(rb"From [^\n]*\d\d:\d\d")
BROKEN_MAIL = (
    MessageError,
    UnicodeError,
    LookupError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    BadRow,
)

# The line before a quotation, in the languages that mail programs write it in.
_WROTE = re.compile(
    r"^\s*(on\b.*\bwrote|am\b.*\bschrieb\b.*|le\b.*\ba écrit|el\b.*\bescribió|il\b.*\bha scritto|op\b.*\bschreef\b.*"
    r"|em\b.*\bescreveu|den\b.*\bskrev\b.*)\s*:\s*$",
    re.I,
)
_DIVIDER = re.compile(
    r"^\s*(-{2,}\s*(original message|forwarded message|ursprüngliche nachricht|message d'origine)|_{10,}\s*$)",
    re.I,
)
_OUTLOOK = re.compile(r"^\s*\*?(from|von|de|da|van)\s*:\*?\s.*\S", re.I)
_OUTLOOK_NEXT = re.compile(
    r"^\s*\*?(sent|gesendet|envoyé|enviado|inviato|verzonden|date|datum|to|an|à)\s*:", re.I
)
_SENT_FROM = re.compile(
    r"^\s*(sent from my|get outlook for|von meinem .* gesendet|envoyé de mon|enviado desde mi)\b", re.I
)
_STYLE = re.compile(r"<(style|script|head)\b.*?</\1\s*>", re.I | re.S)


class Mail:
    """The format ``mail``: one ``.eml`` or an mbox."""

    def check(self, body: bytes, context: Context) -> Checked:
        """Count the messages that have a sender."""
        refused: list[Refusal] = []
        good: list[bytes] = []
        for number, part in enumerate(messages(body), 1):
            try:
                _demand(part)
                good.append(part)
            except BROKEN_MAIL as error:
                refused.append(_refuse(error, number, part))
        if not good and not refused:
            return Checked(0, [Refusal("$", "the body is empty", b"", "raw")], b"")
        return Checked(len(good), refused, join_messages(good) if refused else body)

    def read(self, body: bytes, context: Context) -> Reading:
        """Turn messages into arrivals."""
        gather = Gather(context)
        refused: list[Refusal] = []
        for number, part in enumerate(messages(body), 1):
            try:
                add_message(gather, part)
            except BROKEN_MAIL as error:
                refused.append(_refuse(error, number, part))
        return Reading(gather.rows(), refused, len(body))


def messages(body: bytes) -> Iterator[bytes]:
    """Cut an mbox into its messages; anything else is one message."""
    if not body.strip():
        return
    if not body.startswith(b"From "):
        yield body
        return
    marks = [found.end() for found in _FROM_LINE.finditer(body)]
    ends = [*(found.start() for found in _FROM_LINE.finditer(body)), len(body)][1:]
    if not marks:
        yield body.split(b"\n", 1)[-1]
    yield from (body[start:end] for start, end in zip(marks, ends, strict=True))


def stream_messages(lines: Iterator[bytes], longest: int) -> Iterator[bytes | None]:
    """Cut the lines of an mbox, or of one message, as they come; None for a message that is too long."""
    held: list[bytes] = []
    size = 0
    blank = True
    for line in lines:
        if blank and _MARK.match(line):
            if held:
                yield b"".join(held) if size <= longest else None
            held, size, blank = [], 0, False
            continue
        size += len(line)
        if size <= longest:
            held.append(line)
        blank = not line.strip()
    if any(line.strip() for line in held) or size > longest:
        yield b"".join(held) if size <= longest else None


def join_messages(parts: list[bytes]) -> bytes:
    """Write messages as an mbox."""
    return b"".join(b"From - Thu Jan  1 00:00:00 1970\n" + part.strip() + b"\n\n" for part in parts)


def add_message(gather: Gather, raw: bytes) -> None:
    """Add one message.

    Raises
    ------
    BadRow
        It names no sender, or says nothing.
    """
    message = message_from_bytes(_demand(raw), policy=policy.default)
    senders = getaddresses([_header(message, "From")])
    name, address = next(((n, a) for n, a in senders if "@" in a), ("", ""))
    if not address:
        raise BadRow("expected a sender", ".From")
    subject = _header(message, "Subject")
    text = _clean(own_words(body_text(message))) or _clean(subject)
    own = _header(message, "Message-ID").strip("<> ") or None
    rest: dict[str, object] = {"subject": _clean(subject)} if subject.strip() else {}
    if _header(message, "Auto-Submitted").lower() not in ("", "no"):
        rest["automatic"] = True
    personal = [("email", address.lower())] + ([("name", _clean(name))] if name.strip() else [])
    gather.add(
        gather.signal_id(own, raw),
        gather.settle(_date(message), rest),
        "feedback",
        gather.context.channel or "email",
        name="email",
        identifiers=[("email", address.lower())],
        personal=personal,
        thread=thread_root(message) or own,
        text=text or None,
        rest=rest,
    )


def thread_root(message: EmailMessage) -> str | None:
    """Name the conversation: the first message that this one refers to."""
    for header in ("References", "In-Reply-To"):
        found = re.findall(r"<([^<>\s]+)>", _header(message, header))
        if found:
            return str(found[0])
    return None


def body_text(message: EmailMessage) -> str:
    """Read the body as plain text, from HTML when there is nothing else."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset("utf-8")
    try:
        text = raw.decode(charset)
    except (LookupError, UnicodeError):
        text = raw.decode("utf-8", "replace") if _is_utf8(raw) else raw.decode("cp1252", "replace")
    return plain(_STYLE.sub("", text)) if part.get_content_type() == "text/html" else text


def own_words(text: str) -> str:
    r"""Leave out what was quoted and the signature.

    Examples
    --------
    >>> own_words("It broke again.\n\nOn Mon, 2 Mar 2026, Shop wrote:\n> Is it mended?")
    'It broke again.'
    >>> own_words("Thanks!\n-- \nAda\nSent from my phone")
    'Thanks!'
    """
    kept: list[str] = []
    lines = text.replace("\r\n", "\n").split("\n")
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if line in ("-- ", "--") or _DIVIDER.match(line) or _SENT_FROM.match(line):
            break
        if _WROTE.match(line) or (_WROTE.match(line + " " + following) and following.rstrip().endswith(":")):
            break
        if _OUTLOOK.match(line) and _OUTLOOK_NEXT.match(following):
            break
        if not line.lstrip().startswith(">"):
            kept.append(line)
    return "\n".join(kept).strip()


def _demand(raw: bytes) -> bytes:
    head = raw.lstrip(b"\r\n")
    cut = re.search(rb"\r?\n\r?\n", head)
    fields = head[: cut.start()] if cut else head
    if not re.search(rb"^from:", fields, re.I | re.M):
        raise BadRow("expected a sender", ".From")
    return head


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, "") or "")
    except (
        ValueError,
        IndexError,
        AttributeError,
        TypeError,
    ):  # the parser stumbles over some broken headers
        raw = dict(message.raw_items()).get(name, "")
        return str(raw)


def _date(message: EmailMessage) -> tuple[int, bool] | None:
    written = _header(message, "Date")
    try:
        return read_time(parsedate_to_datetime(written)) if written else None
    except (ValueError, TypeError, IndexError):
        return read_time(written)


def _clean(text: str) -> str:
    """Drop what cannot be written as UTF-8: undecodable bytes of broken headers."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeError:
        return False
    return True


def _refuse(error: Exception, number: int, part: bytes) -> Refusal:
    if isinstance(error, BadRow):
        return refuse(error, f"message {number}", part, "mail")
    # The parser's own words may quote a header, and with it a person.
    return refuse(BadRow("not readable as e-mail"), f"message {number}", part, "mail")
