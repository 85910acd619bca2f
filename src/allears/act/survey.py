"""Surveys: what is asked, in which words, of whom at most how often. Typed data read from TOML, never code."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from allears.errors import NotFound, Refused
from allears.guard.purpose import Purpose

Scale = Literal["nps-0-10", "csat-1-5", "ces-1-7", "stars-1-5", "trustid-1-7"]
LANGUAGES = ("en", "it", "de", "fr", "es", "pt")
CHOICES: dict[str, tuple[int, ...]] = {
    "nps-0-10": tuple(range(11)),
    "csat-1-5": tuple(range(1, 6)),
    "ces-1-7": tuple(range(1, 8)),
    "stars-1-5": tuple(range(1, 6)),
    "trustid-1-7": tuple(range(1, 8)),
}
"""The answers each scale allows, worst first."""

Words = dict[Annotated[str, Meta(pattern="^[a-z]{2}$")], Annotated[str, Meta(min_length=1, max_length=600)]]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,40}$")]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a survey: fixed, and strict about its fields."""


class Question(_Part, frozen=True):
    """One question: a scale, a yes or no to a use of the reader's data (``consent``), or neither for an open one.

    ``low`` and ``high`` name the ends of the scale in place of the usual words.
    """

    id: Name
    text: Words
    scale: Scale | None = None
    low: Words = {}
    high: Words = {}
    required: bool = False
    consent: Annotated[
        Purpose | None,
        Meta(description="the purpose that a yes allows and a no forbids; asked by personal links only"),
    ] = None


class Survey(_Part, frozen=True):
    """A survey. ``{company}`` in a text becomes the name of the space."""

    name: Name
    title: Words
    questions: Annotated[tuple[Question, ...], Meta(min_length=1, max_length=20)]
    intro: Words = {}
    thanks: Words = {}
    link_days: Annotated[int, Meta(ge=1, le=90, description="days a link may be answered")] = 14
    every_days: Annotated[
        int, Meta(ge=30, le=365, description="days before the same customer is asked anything again")
    ] = 60
    during_complaint: Annotated[
        bool, Meta(description="whether customers with an open complaint are asked")
    ] = False
    public: Annotated[bool, Meta(description="whether anybody may answer at /ask/open/NAME")] = False
    origins: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.:-]+$")], ...],
        Meta(description="sites that may show it inside their pages"),
    ] = ()
    answers_an_hour: Annotated[
        int, Meta(ge=1, le=100_000, description="public answers taken from one address in an hour")
    ] = 20

    @property
    def version(self) -> str:
        """A short name that changes when anything here changes."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:8]

    def asked(self, personal: bool) -> tuple[Question, ...]:
        """List the questions for somebody; of a stranger nobody can keep a yes or a no."""
        return tuple(q for q in self.questions if personal or q.consent is None)

    def languages(self) -> list[str]:
        """List the languages in which all of it can be shown."""
        texts = [self.title, *(q.text for q in self.questions)]
        return [language for language in LANGUAGES if all(language in text for text in texts)]


def read_survey(text: str, place: str = "survey.toml") -> Survey:
    """Read a survey from TOML.

    Raises
    ------
    Refused
        It is not TOML, a field is missing, unknown or wrong, or no language has all the texts; the message names it.

    Examples
    --------
    >>> survey = read_survey('''
    ... name = "visit"
    ... title = { en = "Your visit" }
    ... [[questions]]
    ... id = "satisfied"
    ... scale = "csat-1-5"
    ... text = { en = "How satisfied were you?" }
    ... ''')
    >>> survey.languages(), survey.every_days
    (['en'], 60)
    """
    try:
        survey = msgspec.toml.decode(text, type=Survey)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None
    except msgspec.DecodeError as error:
        raise Refused(f"not TOML: {error}", place=place) from None
    ids = [question.id for question in survey.questions]
    for index, question in enumerate(survey.questions):
        if question.id in ids[:index]:
            raise Refused("two questions have one id", place=f"{place}: questions[{index}].id")
        if question.id in ("lang", "visit"):
            raise Refused(
                "lang and visit are words of the page itself", place=f"{place}: questions[{index}].id"
            )
        if question.scale is None and (question.low or question.high):
            raise Refused("an open question has no ends", place=f"{place}: questions[{index}]")
        if question.consent is not None and (question.scale is not None or question.required):
            raise Refused(
                "a question for consent has no scale, and nobody must answer it",
                place=f"{place}: questions[{index}]",
            )
    if survey.public and not survey.asked(personal=False):
        raise Refused("strangers would be asked nothing", place=f"{place}: public")
    if not survey.languages():
        raise Refused("no language has the title and every question", place=place)
    return survey


def remarks(survey: Survey) -> list[str]:
    """Say what is not wrong but should be known: texts that some languages lack."""
    found = []
    whole = survey.languages()
    texts = {"title": survey.title} | {f"question {q.id}": q.text for q in survey.questions}
    texts |= {name: text for name, text in (("intro", survey.intro), ("thanks", survey.thanks)) if text}
    for name, text in texts.items():
        lacking = [language for language in LANGUAGES if language not in text]
        unknown = sorted(set(text) - set(LANGUAGES))
        if lacking:
            found.append(
                f"{name}: no words in {', '.join(lacking)}; readers get {fallback(survey, lacking[0])}"
            )
        if unknown:
            found.append(f"{name}: {', '.join(unknown)} is not used; there are {', '.join(LANGUAGES)}")
    if survey.public and "en" not in whole:
        found.append(f"readers whose language is unknown get {whole[0]}")
    return found


def fallback(survey: Survey, language: str | None) -> str:
    """Choose the language to show: the one asked for, else English, else the first that is whole."""
    whole = survey.languages()
    return language if language in whole else "en" if "en" in whole else whole[0]


def words_in(words: Words, language: str, company: str) -> str:
    """Give a text in a language, or in English, or in whichever there is."""
    text = words.get(language) or words.get("en") or next(iter(words.values()), "")
    return text.replace("{company}", company)


def examples() -> list[str]:
    """List the names of the surveys that come with Allears."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def example_text(name: str) -> str:
    """Read the file of a survey that comes with Allears.

    Raises
    ------
    NotFound
        There is none of that name.
    """
    if name not in examples():
        raise NotFound(f"no such survey; there are {', '.join(examples())}", place="survey")
    return (_folder() / f"{name}.toml").read_text("utf-8")


def explain(survey: Survey, company: str = "the company") -> str:
    """Say in plain words what a survey asks, and its limits.

    Examples
    --------
    >>> print(explain(read_survey(example_text("ces"))).splitlines()[0])
    ces: How easy was it?
    """
    language = fallback(survey, "en")
    lines = [f"{survey.name}: {words_in(survey.title, language, company)}"]
    for question in survey.questions:
        need = ", must be answered" if question.required else ""
        lines.append(f"- {words_in(question.text, language, company)} ({_kind(question)}{need})")
    lines.append(f"In {', '.join(survey.languages())}.")
    complaint = "" if survey.during_complaint else ", and never during an open complaint"
    lines.append(
        f"Nobody is asked again within {survey.every_days} days, whichever survey it was{complaint}. "
        f"A link works once, for {survey.link_days} days."
    )
    if survey.public:
        lines.append(
            f"Anybody may answer at /ask/open/{survey.name}: without a name, "
            f"{survey.answers_an_hour} answers an hour from one address."
        )
    if survey.origins:
        lines.append(f"It may be shown inside {', '.join(survey.origins)}.")
    return "\n".join(lines)


def _folder() -> Path:
    return Path(__file__).with_name("surveys")


def _kind(question: Question) -> str:
    return f"yes or no to {question.consent}" if question.consent else question.scale or "in own words"
