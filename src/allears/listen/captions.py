"""Transcripts as captions: WebVTT and SubRip (.srt), as tools write them rather than as they should."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from allears.listen.call import Call, Turn
from allears.listen.reading import BadRow, Refusal, refuse
from allears.listen.times import read_time

_TIMING = re.compile(
    r"^\s*(?:(\d{1,4}):)?(\d{1,2}):(\d{2})(?:[.,](\d{1,6}))?\s*-{1,2}>\s*(?:(\d{1,4}):)?(\d{1,2}):(\d{2})(?:[.,](\d{1,6}))?(?:\s|$)"
)
_VOICE = re.compile(r"<v(?:\.[^\s>]*)*\s+([^>\n]{1,200})>", re.I)
_TAG = re.compile(r"</?[A-Za-z][^>\n]{0,200}>|<\d[\d:.]{0,20}>|\{\\[^}\n]{0,80}\}")
# "Ada Lovelace: hello", ">> Ada: hello", "[Agent] hello". A name is short, begins with a letter and is no clause.
_SAYS = re.compile(
    r"^\s*(?:>>\s*)?(?:\[([^\]\n:]{1,40})\]:?|\(([^)\n:]{1,40})\):|([^\W\d_][^\n:.!?,;<>]{0,39}):(?!//))\s+(?=\S)"
)
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)|(?<!\d)((?:19|20)\d{6})[-_T](\d{6})(?!\d)"
)
# Meant as times and none: one side is a time, or the line is an arrow between two words where a cue begins.
_BROKEN = re.compile(r"^\s*\d+:[\d:.,]*\s*-{1,2}>|^\s*\S+\s*-->\s*\d+:[\d:.,]+")
_ARROW = re.compile(r"^\s*\S+\s*-->\s*\S*\s*$")
_NUMBER = re.compile(r"^\s*\d+\s*$")


def is_captions(head: bytes) -> bool:
    """Tell captions by their beginning."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return start[:6] == b"WEBVTT"


def read_captions(text: str, name: str = "", refused: list[Refusal] | None = None) -> Call:
    r"""Read WebVTT ([1]_) or SubRip.

    Cue settings, regions, styles and numbers are passed over; speakers come from voice tags (``<v Ada>``) or from a name
    before a colon or in brackets. A cue without a speaker goes on with the last one's words if it follows at once. The
    start of the call is a moment in the header, in a note or in the file's name.

    Parameters
    ----------
    text
        The file, decoded.
    name
        The file's name.
    refused
        Where cues go whose times cannot be read; their words would have no place in the call.

    Raises
    ------
    BadRow
        No cue is in it.

    References
    ----------
    .. [1] WebVTT: The Web Video Text Tracks Format, W3C, section 4.

    Examples
    --------
    >>> call = read_captions("WEBVTT\n\n00:01.000 --> 00:02.500\n<v Ada>It never came.\n\n00:03.000 --> 00:04.000\nAgent: I am sorry.")
    >>> [(t.start, t.end, t.speaker, t.text) for t in call.turns]
    [(1.0, 2.5, 'Ada', 'It never came.'), (3.0, 4.0, 'Agent', 'I am sorry.')]
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    turns: list[Turn] = []
    notes: list[str] = []
    broken: list[Refusal] = []
    for start, end, block in _cues(lines, notes, broken):
        turns += _said(start, end, block, turns[-1] if turns else None)
    if not turns:
        raise BadRow("expected cues: no line of times such as 00:01.000 --> 00:02.000")
    if refused is not None:
        refused += broken
    moment, told = _moment("\n".join(notes)), "transcript"
    if moment is None:
        moment, told = _moment(name), "file name"
    return Call(turns, began=moment, told=told)


def _cues(
    lines: list[str], notes: list[str], broken: list[Refusal]
) -> Iterator[tuple[float, float, list[str]]]:
    """Yield the cues; what stands before the first, and notes, go to ``notes``, cues without times to ``broken``."""
    begin: float | None = None
    until = 0.0
    block: list[str] = []
    noted = True
    lost: list[str] | None = None
    lost_at = 0
    for number, line in enumerate([*lines, ""], 1):
        found = _TIMING.match(line)
        if lost is not None and (found is not None or not line.strip()):
            if any(words.strip() for words in lost[1:]):
                payload = "\n".join(lost).encode("utf-8", "replace")
                broken.append(
                    refuse(BadRow("expected the times of a cue"), f"line {lost_at}", payload, "raw")
                )
            lost = None
        if found is None:
            if lost is not None:
                lost.append(line)
            elif _BROKEN.match(line) or (begin is None and not noted and _ARROW.match(line)):
                if begin is not None:
                    yield begin, until, block[:-1] if block and _NUMBER.match(block[-1]) else block
                begin, block, noted, lost, lost_at = None, [], False, [line], number
            elif not line.strip():
                if begin is not None:
                    yield begin, until, block
                begin, block, noted = None, [], False
            elif begin is not None:
                block.append(line)
            elif noted or line.startswith(("NOTE", "X-TIMESTAMP-MAP")):
                noted = True
                notes.append(line)
            continue
        if begin is not None:
            # The blank line between two cues is missing; a number before the times is no speech.
            yield begin, until, block[:-1] if block and _NUMBER.match(block[-1]) else block
        begin, until, block, noted = _seconds(found.groups()[:4]), _seconds(found.groups()[4:]), [], False
    if begin is not None:
        yield begin, until, block


def _said(start: float, end: float, block: list[str], last: Turn | None) -> list[Turn]:
    """Divide a cue among its speakers; they share its time by the length of their words."""
    parts: list[tuple[str | None, str]] = []
    for line in block:
        pieces = _VOICE.split(line)
        for at in range(0, len(pieces), 2):
            speaker = html.unescape(pieces[at - 1]).strip() if at else None
            words = " ".join(html.unescape(_TAG.sub(" ", pieces[at])).split())
            if speaker is None and (named := _SAYS.match(words)):
                speaker = next(group for group in named.groups() if group).strip()
                words = words[named.end() :]
            if speaker is None and parts:
                parts[-1] = (parts[-1][0], f"{parts[-1][1]} {words}".strip())
            elif words or speaker:
                parts.append((speaker, words))
    end = max(start, end)
    goes_on = last.speaker if last is not None and start - last.end <= 2.0 else None
    parts = [(speaker or goes_on, words) for speaker, words in parts if words]
    length = sum(len(words) for _, words in parts) or 1
    turns, place = [], start
    for speaker, words in parts:
        after = place + (end - start) * len(words) / length
        turns.append(Turn(place, after, speaker, words))
        place = after
    return turns


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0.{fraction or 0}")


def _moment(text: str) -> int | None:
    found = _MOMENT.search(text)
    if found is None:
        return None
    written = found[1] or (
        f"{found[2][:4]}-{found[2][4:6]}-{found[2][6:]}T{found[3][:2]}:{found[3][2:4]}:{found[3][4:]}Z"
    )
    moment = read_time(written)
    return moment[0] if moment else None
