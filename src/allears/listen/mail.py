"""E-mail: one message, or an mbox of many, each turned into one arrival."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime
from functools import lru_cache

from allears.listen.automatic import REPLY, Automatic, automatic
from allears.listen.gather import Gather
from allears.listen.hypertext import read_html
from allears.listen.quotations import own_words
from allears.listen.reading import BadRow, Checked, Context, Reading, Refusal, refuse
from allears.listen.times import read_time
from allears.listen.unsubscribing import CONSENT, unsubscribes

# Between the messages of an mbox stands a line with a whole date: "From the start at 10:30" is somebody's sentence.
_DATED = rb"From [^\n]*(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[ ,][^\n]*|\d{4}-\d\d-\d\d[ T])\d\d:\d\d"
_FROM_LINE = re.compile(rb"(?:^|\r?\n\r?\n)" + _DATED + rb"[^\n]*\r?\n")
_MARK = re.compile(_DATED)
LONGEST_HEADER = 8_000
LONGEST_WRITTEN = 10_000
MOST_ATTACHMENTS = 50
BROKEN_MAIL = (
    MessageError,
    UnicodeError,
    LookupError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    BadRow,
    RecursionError,  # parts within parts within parts: the standard library reads them one inside the other
)

_STUMBLES = (ValueError, IndexError, AttributeError, TypeError)  # as the parser does over some broken headers
_LISTS = ("references", "in-reply-to", "to", "cc")  # may well be long
_registry = HeaderRegistry()


@lru_cache(4096)
def _content_header(name: str, value: str) -> str:
    return _registry(name, value)


def _header_value(name: str, value: str) -> str:
    """Parse a header as far as is needed: of one in plain ASCII its full grammar gives nothing that we read.

    The grammar costs a millisecond a header. The few that say how a body is written are asked for as
    objects, and most mails write them alike. The grammar takes the square of a header's length, so what is far
    longer than any that is written by a mail program is cut.
    """
    if len(value) > LONGEST_HEADER and name.lower() not in _LISTS:
        value = value[:LONGEST_HEADER]
    if name.lower().startswith("content-"):
        return _content_header(name, value)
    plain = (value.isascii() and "=?" not in value) or len(value) > LONGEST_HEADER
    return value if plain else _registry(name, value)


_POLICY = policy.default.clone(header_factory=_header_value)


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
                refused.append(refuse_message(error, f"message {number}", part))
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
                refused.append(refuse_message(error, f"message {number}", part))
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

    What a person wrote is feedback. What a machine wrote (a bounce, an absence note, a newsletter) is an event without text:
    it is kept, and counts as nobody's words.

    Raises
    ------
    BadRow
        It names no sender.
    """
    message = message_from_bytes(_demand(raw), policy=_POLICY)
    headers = _headers(message)
    name, address = next(((n, a) for n, a in getaddresses([headers.get("from", "")]) if "@" in a), ("", ""))
    machine = automatic(message, headers)
    if not address and machine is None:
        raise BadRow("expected a sender", ".From")
    subject = headers.get("subject", "")
    text = _clean(own_words(body_text(message))) or _clean(subject)
    own = headers.get("message-id", "").strip("<> ") or None
    rest: dict[str, object] = {"subject": _clean(subject)} if subject.strip() else {}
    if attached := attachments(message):
        rest["attachments"] = attached
    at = gather.settle(_date(message), rest)
    identifiers = [("email", address.lower())] if address else []
    thread = thread_root(message) or own
    if machine is not None:
        rest |= _told(machine, text)
        identifiers = (
            [("email", _clean(machine.about))]
            if machine.about
            else identifiers
            if machine.name == REPLY
            else []
        )
        thread = machine.answers or thread
    leaves, only = unsubscribes(subject, text) if machine is None else (False, False)
    if leaves:
        rest["consent"] = CONSENT
    gather.add(
        gather.signal_id(own, raw),
        at,
        "feedback" if machine is None and not only else "event",
        gather.context.channel or "email",
        name="consent by email" if leaves else "email" if machine is None else machine.name,
        identifiers=identifiers,
        personal=identifiers + ([("name", _clean(name))] if name.strip() and machine is None else []),
        thread=thread,
        text=text or None if machine is None and not only else None,
        rest=rest,
    )


def _told(machine: Automatic, text: str) -> dict[str, object]:
    told: dict[str, object] = {"automatic": machine.name}
    if machine.status is not None:
        told["status"] = machine.status
    if text:
        told["written"] = text[:LONGEST_WRITTEN]
    return told


def attachments(message: EmailMessage) -> list[dict[str, object]]:
    """Name what was attached, with type and size; the content is not kept."""
    found: list[dict[str, object]] = []
    for part in message.iter_attachments():
        held = part.get_payload()
        size = (
            len(held) * (3 if str(part.get("Content-Transfer-Encoding", "")).lower() == "base64" else 4) // 4
            if isinstance(held, str)
            else None
        )
        found.append(
            {"name": _clean(part.get_filename() or ""), "type": part.get_content_type(), "bytes": size}
        )
    return found[:MOST_ATTACHMENTS]


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
    return read_html(text) if part.get_content_type() == "text/html" else text


def _demand(raw: bytes) -> bytes:
    head = raw.lstrip(b"\r\n")
    cut = re.search(rb"\r?\n\r?\n", head)
    fields = head[: cut.start()] if cut else head
    if not re.search(rb"^from:", fields, re.I | re.M):
        raise BadRow("expected a sender", ".From")
    return head


def _headers(message: EmailMessage) -> dict[str, str]:
    """Read all headers, the first of each name: looking each up by its name takes the square of their number."""
    found: dict[str, str] = {}
    for name, raw in message.raw_items():
        if (key := name.lower()) not in found:
            try:
                value = str(_POLICY.header_fetch_parse(name, raw) or "")
            except _STUMBLES:
                value = str(raw)
            found[key] = value.encode("utf-8", "replace").decode("utf-8")
    return found


def _header(message: EmailMessage, name: str) -> str:
    """Read a header; bytes that are no text become question marks, because it may be kept as an address or a thread."""
    return _raw_header(message, name).encode("utf-8", "replace").decode("utf-8")


def _raw_header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, "") or "")
    except _STUMBLES:
        raw = dict(message.raw_items()).get(name, "")
        return str(raw)


def _date(message: EmailMessage) -> tuple[int, bool] | None:
    written = _header(message, "Date")
    try:
        return read_time(parsedate_to_datetime(written)) if written else None
    except (ValueError, TypeError, IndexError, OverflowError):
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


def refuse_message(error: Exception, place: str, part: bytes) -> Refusal:
    """Make the refusal of a message."""
    if isinstance(error, BadRow):
        return refuse(error, place, part, "mail")
    # The parser's own words may quote a header, and with it a person.
    return refuse(BadRow("not readable as e-mail"), place, part, "mail")
