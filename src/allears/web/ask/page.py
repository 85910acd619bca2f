"""The survey page as HTML: works without scripts, cookies or anything from elsewhere. All text goes in escaped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import NamedTuple

import msgspec

from allears.act.survey import CHOICES, LANGUAGES, Question, Survey, words_in
from allears.listen.answers import LONGEST_TEXT

NAMES = {
    "en": "English",
    "it": "Italiano",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "pt": "Português",
}
STYLE = files("allears.web.ask").joinpath("style.css").read_text("utf-8")
STYLE_NAME = f"ask-{hashlib.sha256(STYLE.encode()).hexdigest()[:12]}.css"


class Problem(NamedTuple):
    """What is wrong with one answer; no question: with the whole form."""

    question: str
    says: str


class View(NamedTuple):
    """How a page is shown: language, the company's name, where the form goes, inside another page or not."""

    language: str
    company: str
    here: str
    home: str
    inside: bool = False


def say(language: str, word: str, **values: object) -> str:
    """Give one of the page's own phrases, plain text."""
    text = _words()[language][word]
    assert isinstance(text, str)
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text


def form(
    survey: Survey,
    view: View,
    *,
    personal: bool,
    given: Mapping[str, str] | None = None,
    problems: Sequence[Problem] = (),
    visit: str = "",
) -> str:
    """Draw the questions, with what was given before and what was wrong with it.

    Parameters
    ----------
    given
        Question id to what was answered.
    visit
        The ticket of an anonymous visit, carried along in the form.
    """
    lang, given = view.language, given or {}
    title = _in(survey.title, view)
    parts = [f'<p class="company">{escape(view.company)}</p>', f"<h1>{title}</h1>"]
    if survey.intro:
        parts.append(f"<p>{_in(survey.intro, view)}</p>")
    parts += _summary(problems, lang)
    parts.append(f'<form method="post" action="{escape(view.here)}" accept-charset="utf-8">')
    said = {problem.question: problem.says for problem in problems}
    parts += [
        _question(question, view, given.get(question.id, ""), said.get(question.id))
        for question in survey.asked(personal)
    ]
    parts.append(f'<input type="hidden" name="lang" value="{lang}">')
    if visit:
        parts.append(f'<input type="hidden" name="visit" value="{escape(visit)}">')
    parts.append(f'<button type="submit">{escape(say(lang, "send"))}</button></form>')
    privacy = say(lang, "personal" if personal else "anonymous", company=view.company)
    others = [one for one in survey.languages() if one != lang]
    parts.append(f"<footer><p>{escape(privacy)}</p>{_languages(others, view)}</footer>")
    heading = f"{escape(say(lang, 'problem'))}: {title}" if problems else title
    return _page(heading, view, "\n".join(parts))


def note(view: View, word: str, *, own: str = "") -> str:
    """Draw a page that says one thing, such as thanks; ``own`` are the survey's own words for it."""
    title = say(view.language, word)
    more = own or say(view.language, "thanked" if word == "thanks" else f"{word}_more")
    company = f'<p class="company">{escape(view.company)}</p>' if view.company else ""
    return _page(escape(title), view, f"{company}<h1>{escape(title)}</h1>\n<p>{escape(more)}</p>")


def problems_of(survey: Survey, view: View, given: Mapping[str, str], *, personal: bool) -> list[Problem]:
    """Say what is wrong with what was given; nothing when it can be taken in."""
    found, questions = list[Problem](), survey.asked(personal)
    for question in questions:
        value, asked = (
            given.get(question.id, "").strip(),
            words_in(question.text, view.language, view.company),
        )
        if question.scale is not None:
            known = value in {str(choice) for choice in CHOICES[question.scale]}
            if (value and not known) or (question.required and not value):
                found.append(Problem(question.id, say(view.language, "choose", question=asked)))
        elif question.consent is not None:
            if value not in ("", "yes", "no"):
                found.append(Problem(question.id, say(view.language, "choose", question=asked)))
        elif len(value) > LONGEST_TEXT:
            found.append(Problem(question.id, say(view.language, "long", question=asked, most=LONGEST_TEXT)))
        elif question.required and not value:
            found.append(Problem(question.id, say(view.language, "write", question=asked)))
    if not found and not any(given.get(question.id, "").strip() for question in questions):
        found.append(Problem(questions[0].id, say(view.language, "nothing")))
    return found


def _question(question: Question, view: View, given: str, problem: str | None) -> str:
    lang, name = view.language, escape(question.id)
    need = say(lang, "required") if question.required else say(lang, "optional")
    asked = f'{_in(question.text, view)} <span class="need">({escape(need)})</span>'
    wrong = f'<p class="said" id="p-{name}">{escape(problem)}</p>' if problem else ""
    tone = ' class="wrong"' if problem else ""
    told = [f"p-{name}"] if problem else []
    if question.consent is not None:
        return _consent(question, lang, given, asked, wrong, tone)
    if question.scale is None:
        described = f' aria-describedby="{told[0]}" aria-invalid="true"' if told else ""
        must = " required" if question.required else ""
        return (
            f'<div class="open{" wrong" if problem else ""}"><label for="q-{name}">{asked}</label>{wrong}'
            f'<textarea id="q-{name}" name="{name}" maxlength="{LONGEST_TEXT}" rows="4"{must}{described}>'
            f"{escape(given)}</textarea></div>"
        )
    low, high = _ends(question, view)
    choices = CHOICES[question.scale]
    ids = [f"q-{name}"] + [f"q-{name}-{choice}" for choice in choices[1:]]
    must = " required" if question.required else ""
    radios = "".join(
        f'<label for="{id}"><input type="radio" id="{id}" name="{name}" value="{choice}"{must}'
        f"{' checked' if given.strip() == str(choice) else ''}><span>{choice}</span></label>"
        for id, choice in zip(ids, choices, strict=True)
    )
    described = " ".join([f"e-{name}", *told])
    return (
        f'<fieldset{tone} aria-describedby="{described}"><legend>{asked}</legend>{wrong}'
        f'<div class="choices of-{len(choices)}">{radios}</div><p class="ends" id="e-{name}"><span>{choices[0]} = {escape(low)}</span>'
        f"<span>{choices[-1]} = {escape(high)}</span></p></fieldset>"
    )


def _consent(question: Question, lang: str, given: str, asked: str, wrong: str, tone: str) -> str:
    # Neither is chosen beforehand: silence is no yes.
    name = escape(question.id)
    radios = "".join(
        f'<label for="q-{name}{end}"><input type="radio" id="q-{name}{end}" name="{name}" value="{value}"'
        f"{' checked' if given.strip() == value else ''}><span>{escape(say(lang, value))}</span></label>"
        for value, end in (("yes", ""), ("no", "-no"))
    )
    described = f' aria-describedby="p-{name}"' if wrong else ""
    return f'<fieldset{tone}{described}><legend>{asked}</legend>{wrong}<div class="choices of-2">{radios}</div></fieldset>'


def _summary(problems: Sequence[Problem], lang: str) -> list[str]:
    if not problems:
        return []
    items = "".join(f'<li><a href="#q-{escape(p.question)}">{escape(p.says)}</a></li>' for p in problems)
    return [
        f'<div class="problem" role="alert" tabindex="-1" autofocus><h2>{escape(say(lang, "problem"))}</h2><ul>{items}</ul></div>'
    ]


def _languages(others: Sequence[str], view: View) -> str:
    if not others:
        return ""
    links = "".join(
        f'<li><a href="{escape(view.here)}?lang={one}" lang="{one}" hreflang="{one}">{NAMES[one]}</a></li>'
        for one in others
    )
    return f'<nav aria-label="{escape(say(view.language, "language"))}"><ul>{links}</ul></nav>'


def _ends(question: Question, view: View) -> tuple[str, str]:
    usual = _words()[view.language][str(question.scale)]
    low = words_in(question.low, view.language, view.company) if question.low else usual[0]
    return low, words_in(question.high, view.language, view.company) if question.high else usual[1]


def _in(words: Mapping[str, str], view: View) -> str:
    return escape(words_in(dict(words), view.language, view.company))


def _page(title: str, view: View, body: str) -> str:
    script = f'<script src="{view.home}/ask/frame.js" defer></script>' if view.inside else ""
    name = f" · {escape(view.company)}" if view.company else ""
    return (
        f'<!doctype html>\n<html lang="{view.language}"{" class=inside" if view.inside else ""}>\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{title}{name}</title><link rel="stylesheet" href="{view.home}/ask/{STYLE_NAME}">{script}</head>\n'
        f"<body><main>\n{body}\n</main></body>\n</html>\n"
    )


@cache
def _words() -> dict[str, dict[str, str | list[str]]]:
    text = files("allears.web.ask").joinpath("words.toml").read_text("utf-8")
    words = msgspec.toml.decode(text, type=dict[str, dict[str, str | list[str]]])
    assert set(words) == set(LANGUAGES)
    return words
