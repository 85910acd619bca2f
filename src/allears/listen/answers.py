"""Answers to our own surveys: what the survey page hands in, one response at a time or several a line each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from allears.guard.purpose import PURPOSES
from allears.listen.gather import Gather
from allears.listen.ratings import BOUNDS, normalise
from allears.listen.reading import BadRow, Checked, Context, Reading, Refusal, refuse
from allears.listen.rowsof import cut_rows
from allears.listen.signals import check_rows
from allears.listen.times import micros

LONGEST_TEXT = 4_000


class Answer(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The answer to one question: a choice on a scale, words, or a yes or no to a use of their data."""

    question: Annotated[str, Meta(min_length=1, max_length=64)]
    scale: str | None = None
    choice: int | None = None
    text: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None
    consent: str | None = None
    said: bool | None = None


class Response(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What one reader of a survey answered. ``person`` is the name under which the invitation knows them; nobody's without."""

    response: Annotated[str, Meta(min_length=8, max_length=64)]
    survey: Annotated[str, Meta(min_length=1, max_length=64)]
    version: Annotated[str, Meta(max_length=16)]
    answers: Annotated[list[Answer], Meta(min_length=1, max_length=40)]
    answered_at: datetime | None = None
    person: Annotated[str, Meta(max_length=64)] | None = None
    language: Annotated[str, Meta(max_length=8)] | None = None
    by: Annotated[str, Meta(max_length=16)] = "link"


_DECODER = msgspec.json.Decoder(Response)
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeError, BadRow)


class Answers:
    """The format ``answers``. Each rated question becomes a signal of its own; words go along with the first rating."""

    def check(self, body: bytes, context: Context) -> Checked:
        """Count the good responses."""
        return check_rows(body, "answers", _read)

    def read(self, body: bytes, context: Context) -> Reading:
        """Turn responses into arrivals."""
        gather = Gather(context)
        refused: list[Refusal] = []
        for at, part in cut_rows(body):
            try:
                _add(gather, _read(part))
            except _BROKEN as error:
                refused.append(refuse(error, at, part, "answers"))
        return Reading(gather.rows(), refused, len(body))


def _read(part: bytes) -> Response:
    response = _DECODER.decode(part)
    for index, answer in enumerate(response.answers):
        place = f".answers[{index}]"
        if answer.consent is not None or answer.said is not None:
            if answer.consent not in PURPOSES:
                raise BadRow(f"expected one of {', '.join(PURPOSES)}", f"{place}.consent")
            if answer.said is None or answer.scale is not None or answer.text is not None:
                raise BadRow("expected yes or no and nothing else", f"{place}.said")
        elif answer.scale is None:
            if not (answer.text or "").strip():
                raise BadRow("expected words", f"{place}.text")
        elif answer.scale not in BOUNDS:
            raise BadRow(f"expected one of {', '.join(BOUNDS)}", f"{place}.scale")
        elif normalise(answer.choice, answer.scale) is None:
            raise BadRow(f"expected a choice on {answer.scale}", f"{place}.choice")
    if response.answered_at is not None and response.answered_at.tzinfo is None:
        raise BadRow("expected a time with zone", ".answered_at")
    return response


def _add(gather: Gather, response: Response) -> None:
    rated = [a for a in response.answers if a.scale is not None]
    words = [a for a in response.answers if a.scale is None and a.consent is None]
    # A rating with its reason is worth more than the two apart: sentiment learns from such pairs.
    reason = words.pop(0) if rated and words else None
    said_at = response.answered_at
    at = micros(said_at.astimezone(UTC)) if said_at is not None else gather.received
    about = {"survey": response.survey, "survey_version": response.version, "answered_by": response.by}
    if response.language:
        about["survey_language"] = response.language
    for answer in response.answers if response.person else ():
        if answer.consent is not None:
            _add_consent(gather, response, answer, at, about)
    for answer in [*rated, *words]:
        told = reason if rated and answer is rated[0] else answer if answer.scale is None else None
        rest = about | ({"open_question": told.question} if told is not None else {})
        gather.add(
            gather.signal_id(f"{response.response}.{answer.question}", b""),
            at,
            "feedback",
            gather.context.channel or "survey",
            name=f"{response.survey}.{answer.question}",
            identifiers=[("anonymous_id", response.person)] if response.person else (),
            thread=response.response,
            text=told.text if told is not None else None,
            rating=normalise(answer.choice, answer.scale) if answer.scale is not None else None,
            rating_scale=answer.scale,
            rest=dict(rest),
        )


def _add_consent(gather: Gather, response: Response, answer: Answer, at: int, about: dict[str, str]) -> None:
    # As a banner's consent event: heard by whatever hears those.
    told = {
        str(answer.consent): "given" if answer.said else "refused",
        "version": f"{response.survey} {response.version}",
    }
    gather.add(
        gather.signal_id(f"{response.response}.{answer.question}", b""),
        at,
        "event",
        gather.context.channel or "survey",
        name=f"consent {response.survey}.{answer.question}",
        identifiers=[("anonymous_id", str(response.person))],
        thread=response.response,
        rest={**about, "consent": told},
    )
