"""The format ``call``: one transcript, as captions or in the JSON of a call platform."""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow.compute as pc

from allears.listen.call import add_call
from allears.listen.captions import read_captions
from allears.listen.gather import Gather
from allears.listen.opening import detect_encoding
from allears.listen.platform import Platforms, read_transcripts
from allears.listen.reading import BadRow, Checked, Context, Reading, Refusal, refuse

BROKEN_CALL = (BadRow, msgspec.DecodeError, RecursionError, UnicodeError)


class Calls:
    """One document a body: captions of a call, or JSON with one call or several."""

    def check(self, body: bytes, context: Context) -> Checked:
        """Read it once: a transcript is small. Cues without times are left out each time it is read."""
        reading = self.read(body, context)
        calls = pc.sum(pc.equal(reading.arrivals["name"], "call")).as_py() or 0
        return Checked(calls, reading.refused, body if calls else b"")

    def read(self, body: bytes, context: Context) -> Reading:
        """Turn a transcript into arrivals."""
        gather = Gather(context)
        refused: list[Refusal] = []
        try:
            refused += add_transcript(gather, body, "")
        except BROKEN_CALL as error:
            refused.append(refuse(error, "$", body, "call"))
        return Reading(gather.rows(), refused, len(body))


def add_transcript(gather: Gather, body: bytes, name: str) -> list[Refusal]:
    """Add the call of a transcript; ``name`` is the file's, which may tell when it was.

    Gives the cues that could not be read; the others were added.

    Raises
    ------
    BadRow
        It is no transcript, or holds no speech.
    """
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"{":
        document: Any = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
        known = Platforms() if gather.context.platforms is None else gather.context.platforms
        platform = known.of(document)
        if platform is None:
            raise BadRow("expected the transcript of a call platform that is known")
        calls = read_transcripts(document, platform)
        for call in calls:
            # Without an id of its own, a call is known by its content: each by its own part.
            add_call(gather, call, body if len(calls) == 1 else msgspec.json.encode(call))
        return []
    encoding, _ = detect_encoding(body)
    refused: list[Refusal] = []
    add_call(gather, read_captions(body.decode(encoding, "replace"), name, refused), body)
    return refused
