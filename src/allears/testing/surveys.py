"""What people answer when they are asked: recommendation (0-10) by sample, satisfaction (1-5) after a contact."""

from __future__ import annotations

import numpy as np

from allears.testing.decoys import volume
from allears.testing.draw import DAY, HOUR, WRITES, Ints, draw_index, draw_times, pick, weekdays
from allears.testing.message import Message, tone
from allears.testing.plot import most_felt
from allears.testing.speech import Speech

ASKED_A_MONTH = 0.08
_CONTACTS = ("helpdesk", "live-chat", "mailbox")
_GRUMBLES = ("parcel", "payment", "app", "wait", "price", "returns", "quality")
_THANKS = ("praise_product", "praise_delivery", "praise_service", "score_good")


def ask(speech: Speech) -> None:
    """Ask the sample, then those who had contact; what hurt people shows in their answers."""
    contacts = [
        m
        for m in speech.messages
        if m.source in _CONTACTS and not m.extra.get("out") and m.person < speech.people.customers
    ]
    _ask_sample(speech)
    _ask_contacts(speech, contacts)
    _rate_reviews(speech)


def _ask_sample(speech: Speech) -> None:
    rng, people = speech.rng, speech.people
    size = int(rng.poisson(people.customers * ASKED_A_MONTH * speech.days / 30))
    # Who was seen lately gets asked.
    person = draw_index(rng, people.activity[: people.customers], size)
    daily = weekdays(speech.start, speech.days) * volume(speech.plots, speech.start, speech.days)
    at = draw_times(rng, speech.start, daily, WRITES, size) - HOUR
    _recommend(speech, person, at)


def _ask_contacts(speech: Speech, contacts: list[Message]) -> None:
    rng = speech.rng
    at = np.array([m.at for m in contacts], dtype=np.int64)
    person = np.array([m.person for m in contacts], dtype=np.int64)
    trouble = np.array([m.cause >= 0 and speech.plots[m.cause].kind == "incident" for m in contacts])
    asked = rng.random(len(contacts)) < np.where(trouble, 0.4, 0.2)
    moods = np.array([tone(m.topic) for m in contacts])
    when = at + (rng.uniform(1, 30, len(at)) * HOUR).astype(np.int64)
    _satisfy(speech, person[asked], when[asked], moods[asked])
    again = np.flatnonzero(rng.random(len(contacts)) < np.where(trouble, 0.55, 0.06))
    later = at[again] + (rng.uniform(3, 21, len(again)) * DAY).astype(np.int64)
    _recommend(speech, person[again], later)


def _satisfy(speech: Speech, person: Ints, at: Ints, moods: Ints) -> None:
    harm, cause = most_felt(speech.plots, person, at, speech.people.n)
    level = 4.1 + 0.5 * speech.people.mood[person] + 0.5 * moods - 1.8 * harm
    score = np.clip(np.rint(level + speech.rng.normal(0, 0.8, len(at))), 1, 5).astype(int)
    _record(speech, "satisfaction", person, at, score, (score - 1) / 4, harm, cause)


def _recommend(speech: Speech, person: Ints, at: Ints) -> None:
    harm, cause = most_felt(speech.plots, person, at, speech.people.n)
    level = 7.9 + 1.5 * speech.people.mood[person] - 4.0 * harm
    score = np.clip(np.rint(level + speech.rng.normal(0, 1.2, len(at))), 0, 10).astype(int)
    _record(speech, "recommendation", person, at, score, score / 10, harm, cause)


def _record(
    speech: Speech,
    source: str,
    person: Ints,
    at: Ints,
    score: Ints,
    share: np.ndarray,
    harm: np.ndarray,
    cause: Ints,
) -> None:
    comments = speech.rng.random(len(at)) < np.where(share < 0.5, 0.6, 0.32)
    for row, who in enumerate(person.tolist()):
        topic, why = _about(speech, float(share[row]), float(harm[row]), int(cause[row]))
        when = int(at[row])
        if comments[row]:
            answer = speech.add(when, source, who, topic, why)
        else:
            answer = None
            if speech.start <= when < speech.end:
                answer = Message(
                    when, source, speech.next_id(source), who, speech.people.language[who], topic, -1, ""
                )
                speech.messages.append(answer)
        if answer is not None:
            answer.extra["score"] = int(score[row])


def _about(speech: Speech, share: float, harm: float, cause: int) -> tuple[str, int]:
    rng = speech.random
    if share < 0.55:
        if harm > 0.2 and rng.random() < 0.7:
            return (speech.plots[cause].kin if rng.random() < 0.5 else "score_bad"), cause
        return (rng.choice(_GRUMBLES) if rng.random() < 0.6 else "score_bad"), -1
    if share < 0.8:
        return "score_mid", -1
    return rng.choice(_THANKS), -1


def _rate_reviews(speech: Speech) -> None:
    """Give each review its stars, by what it says and who says it."""
    reviews = [m for m in speech.messages if m.source in ("app-reviews", "product-reviews", "review-site")]
    chance = pick(speech.rng, {-0.9: 1, 0.0: 3, 0.6: 1}, len(reviews))
    for review, luck in zip(reviews, chance, strict=True):
        level = {1: 4.7, 0: 3.6, -1: 1.7}[tone(review.topic)] + 0.3 * float(speech.people.mood[review.person])
        review.extra["stars"] = int(min(5, max(1, round(level + luck))))
        good = (
            "title_good"
            if review.extra["stars"] > 3
            else "title_bad"
            if review.extra["stars"] < 3
            else "title_mid"
        )
        review.extra["title"] = speech.composer.writer.pick(review.language, good)
