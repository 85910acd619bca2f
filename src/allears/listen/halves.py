"""Emoji cut in half: senders that cut texts by length leave JSON that no reader takes; it costs the one letter, not the row."""

from __future__ import annotations

import re

from allears.listen.reading import Checked, Context, Format, Reading

_HALVES = re.compile(
    rb"\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][\da-fA-F]{2})|\\."
)


def without_halves(body: bytes) -> bytes:
    r"""Put the sign for an unreadable letter in place of each half of an emoji in JSON.

    Examples
    --------
    >>> without_halves(b'{"text": "good \\ud83d"}'), without_halves(b'{"text": "good \\ud83d\\ude00"}')
    (b'{"text": "good \\ufffd"}', b'{"text": "good \\ud83d\\ude00"}')
    """
    return _HALVES.sub(_marked, body) if b"\\u" in body else body


class Mending:
    """A format that reads a body again without half emoji when something in it was refused."""

    def __init__(self, inner: Format) -> None:
        self._inner = inner

    def check(self, body: bytes, context: Context) -> Checked:
        """Look at a body at the door; what is kept is what can be read."""
        checked = self._inner.check(body, context)
        if not checked.refused or (whole := without_halves(body)) == body:
            return checked
        mended = self._inner.check(whole, context)
        return mended if len(mended.refused) < len(checked.refused) else checked

    def read(self, body: bytes, context: Context) -> Reading:
        """Turn a body into arrivals."""
        reading = self._inner.read(body, context)
        if not reading.refused or (whole := without_halves(body)) == body:
            return reading
        mended = self._inner.read(whole, context)
        return mended if len(mended.refused) < len(reading.refused) else reading


def _marked(found: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if found["half"] else found[0]
