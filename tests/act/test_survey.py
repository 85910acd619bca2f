"""Surveys as typed data: what ships is whole, what is wrong is named."""

from __future__ import annotations

import msgspec
import pytest

from allears.act.survey import (
    LANGUAGES,
    Survey,
    example_text,
    examples,
    explain,
    fallback,
    read_survey,
    remarks,
)
from allears.errors import NotFound, Refused

GOOD = """
name = "visit"
title = { en = "Your visit", it = "La tua visita" }
[[questions]]
id = "satisfied"
scale = "csat-1-5"
text = { en = "How was it?", it = "Come è andata?" }
[[questions]]
id = "why"
text = { en = "Why?" }
"""


def _shipped() -> dict[str, Survey]:
    return {name: read_survey(example_text(name), name) for name in examples()}


def test_the_surveys_that_ship_are_whole_in_six_languages() -> None:
    shipped = _shipped()
    assert {"nps", "csat", "ces", "trustid", "after-fix"} <= set(shipped)
    for name, survey in shipped.items():
        assert survey.name == name
        assert survey.languages() == list(LANGUAGES)
        assert remarks(survey) == []
        assert sum(q.scale is None for q in survey.questions) == 1


def test_trustid_asks_its_four_items_on_seven_points() -> None:
    rated = [q for q in _shipped()["trustid"].questions if q.scale]
    assert [q.id for q in rated] == ["humanity", "transparency", "capability", "reliability"]
    assert {q.scale for q in rated} == {"trustid-1-7"}


def test_a_language_that_lacks_a_question_is_not_offered_and_named() -> None:
    survey = read_survey(GOOD)
    assert survey.languages() == ["en"]
    assert fallback(survey, "it") == "en"
    assert any(r.startswith("question why: no words in it") for r in remarks(survey))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (('scale = "csat-1-5"', 'scale = "csat-1-9"'), "questions[0].scale"),
        (('id = "why"', 'id = "satisfied"'), "questions[1].id"),
        (('id = "why"', 'id = "visit"'), "questions[1].id"),
        (('name = "visit"', 'name = "visit"\nevery_days = 3'), "every_days"),
        (('name = "visit"', 'name = "visit"\nevery_day = 60'), "every_day"),
        (('name = "visit"', 'name = "../visit"'), "name"),
        (('name = "visit"', 'name = "visit"\norigins = ["https://a.example; script-src *"]'), "origins[0]"),
        (('title = { en = "Your visit", it = "La tua visita" }', 'title = { de = "Besuch" }'), "survey.toml"),
        (('[[questions]]', "[[questions"), "survey.toml"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(change: tuple[str, str], place: str) -> None:
    with pytest.raises(Refused) as told:
        read_survey(GOOD.replace(*change, 1))
    assert place in str(told.value)


def test_the_version_follows_the_words() -> None:
    assert read_survey(GOOD).version == read_survey(GOOD).version
    assert read_survey(GOOD).version != read_survey(GOOD.replace("Why?", "Why so?")).version


def test_it_is_explained_with_its_limits() -> None:
    said = explain(_shipped()["nps"], "acme")
    assert "recommend acme" in said
    assert "within 60 days" in said and "never during an open complaint" in said
    assert "/ask/open/nps" not in said
    assert "/ask/open/nps" in explain(msgspec.structs.replace(_shipped()["nps"], public=True), "acme")


def test_no_survey_that_comes_with_allears_is_open_to_anybody_unasked() -> None:
    assert not [name for name, survey in _shipped().items() if survey.public or survey.origins]


def test_an_unknown_survey_is_not_found() -> None:
    with pytest.raises(NotFound, match="nps"):
        example_text("no-such")


CONSENT = """
name = "visit"
title = { en = "Your visit" }
%s
[[questions]]
id = "offers"
consent = "marketing"
text = { en = "May we write to you about offers?" }
%s
"""
SATISFIED = '[[questions]]\nid = "satisfied"\nscale = "csat-1-5"\ntext = { en = "How satisfied were you?" }'


def test_strangers_are_not_asked_for_consent() -> None:
    survey = read_survey(CONSENT % ("public = true", SATISFIED))
    assert [q.id for q in survey.asked(True)] == ["offers", "satisfied"]
    assert [q.id for q in survey.asked(False)] == ["satisfied"]
    assert "yes or no to marketing" in explain(survey)


@pytest.mark.parametrize(
    ("head", "more"),
    [("public = true", ""), ("", "required = true"), ("", 'scale = "csat-1-5"'), ("", 'consent = "fun"')],
)
def test_consent_is_never_demanded_nor_mixed_with_a_scale(head: str, more: str) -> None:
    with pytest.raises(Refused):
        read_survey(CONSENT % (head, more))
