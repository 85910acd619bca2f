"""Segments: which customers belong together, as typed conditions read from TOML, never code.

A segment is of one relationship and for one purpose. Only what somebody did in that relationship counts: what an employee
says at work is in no segment of consumers, even where employee and shopper are one person.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from allears.errors import NotFound, Refused
from allears.guard.purpose import Purpose

Days = Annotated[float, Meta(gt=0, le=3650, description="days")]
Some = Annotated[tuple[str, ...], Meta(max_length=100)]
Count = Annotated[int, Meta(ge=0)]
State = Literal["given", "refused", "withdrawn", "never said"]
FACETS = ("channel", "kind", "name", "source", "service", "platform", "region", "partner", "release")


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a segment: fixed, and strict about its fields."""


class Signals(_Part, frozen=True, tag_field="about", tag="signals"):
    """How many signals there were lately: said, did or met. ``at_most = 0`` finds those without any."""

    kind: tuple[Literal["feedback", "event", "telemetry", "profile"], ...] = ()
    channel: Some = ()
    topics: Annotated[Some, Meta(description="beginnings of topic ids")] = ()
    name: Annotated[Some, Meta(description="names of events")] = ()
    source: Some = ()
    service: Some = ()
    platform: Some = ()
    region: Some = ()
    partner: Some = ()
    release: Some = ()
    failed: (
        Annotated[bool, Meta(description="only requests that did not work, or only those that did")] | None
    ) = None
    within_days: Days = 30.0
    at_least: Count | None = None
    at_most: Count | None = None


class Experience(_Part, frozen=True, tag_field="about", tag="experience"):
    """How it was for them, as a mean of what they said lately: mood from -1 to 1, ratings from 0 to 1."""

    of: Literal["mood", "rating"]
    scale: tuple[Literal["nps-0-10", "stars-1-5", "csat-1-5", "ces-1-7", "trustid-1-7"], ...] = ()
    within_days: Days = 90.0
    at_least: Annotated[float, Meta(ge=-1, le=1)] | None = None
    at_most: Annotated[float, Meta(ge=-1, le=1)] | None = None
    signals: Annotated[int, Meta(ge=1, description="said so often, or it counts for nothing")] = 2


class Trait(_Part, frozen=True, tag_field="about", tag="trait"):
    """What was told of them last, such as a plan; personal data is no trait, it is sealed."""

    trait: Annotated[str, Meta(min_length=1, max_length=120)]
    is_in: Annotated[tuple[str | bool | int | float, ...], Meta(min_length=1, max_length=100)]


class KnownBy(_Part, frozen=True, tag_field="about", tag="known by"):
    """By which sort of identifier they can be known; any of these."""

    types: Annotated[
        tuple[Literal["email", "phone", "user_id", "anonymous_id", "handle", "device"], ...],
        Meta(min_length=1),
    ]


class Known(_Part, frozen=True, tag_field="about", tag="customer for"):
    """How long ago they were first heard."""

    at_least_days: Days | None = None
    at_most_days: Days | None = None


class OpenIssue(_Part, frozen=True, tag_field="about", tag="open issue"):
    """Hit by an issue that is open now."""

    topics: Annotated[Some, Meta(description="beginnings of topic ids")] = ()


class Consent(_Part, frozen=True, tag_field="about", tag="consent"):
    """What they last said about a purpose."""

    purpose: Purpose
    state: Annotated[tuple[State, ...], Meta(min_length=1)] = ("given",)


class AccountOf(_Part, frozen=True, tag_field="about", tag="account"):
    """Which organisation they belong to, as senders write it."""

    accounts: Annotated[Some, Meta(min_length=1)]


Condition = Signals | Experience | Trait | KnownBy | Known | OpenIssue | Consent | AccountOf


class Segment(_Part, frozen=True):
    """Customers for whom every condition of ``where`` holds and none of ``unless``."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,49}$")]
    says: Annotated[str, Meta(min_length=1, max_length=400)]
    purpose: Purpose
    where: Annotated[tuple[Condition, ...], Meta(min_length=1, max_length=20)]
    relationship: Literal["consumer", "employee", "partner"] = "consumer"
    unless: Annotated[tuple[Condition, ...], Meta(max_length=20)] = ()


def read_segment(text: str, place: str = "segment.toml") -> Segment:
    """Read a segment from TOML.

    Raises
    ------
    Refused
        It is not TOML, or a field is missing, unknown or wrong; ``place`` and message name it.

    Examples
    --------
    >>> read_segment('''
    ... name = "chats-a-lot"
    ... says = "wrote often by chat lately"
    ... purpose = "service"
    ... where = [ { about = "signals", channel = ["chat"], at_least = 3 } ]
    ... ''').where[0].at_least
    3
    """
    try:
        segment = msgspec.toml.decode(text, type=Segment)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None
    except msgspec.DecodeError as error:
        raise Refused(f"not TOML: {error}", place=place) from None
    for side in ("where", "unless"):
        for index, condition in enumerate(getattr(segment, side)):
            _check(condition, f"{place}: {side}[{index}]")
    return segment


def examples() -> list[str]:
    """List the names of the segments that come with Allears."""
    return sorted(p.name.removesuffix(".toml") for p in (files("allears.know") / "segments").iterdir())


def example_text(name: str) -> str:
    """Give the text of one of the segments that come with Allears.

    Raises
    ------
    NotFound
        There is none of that name.
    """
    if name not in examples():
        raise NotFound(f"no segment of that name; there are {', '.join(examples())}", place="segment")
    return (files("allears.know") / "segments" / f"{name}.toml").read_text("utf-8")


def explain(segment: Segment) -> str:
    """Say in plain words who belongs to a segment.

    Examples
    --------
    >>> print(explain(read_segment(example_text("hit-and-silent"))))
    hit-and-silent: met several failures this week and did not write to us
    Consumers, for service, of whom all of this holds:
    - 3 or more signals that failed, of kind telemetry, within 7 days
    and none of this:
    - 1 or more signals of kind feedback, within 7 days
    """
    lines = [
        f"{segment.name}: {segment.says}",
        f"{segment.relationship.capitalize()}s, for {segment.purpose}, of whom all of this holds:",
        *(f"- {phrase(condition)}" for condition in segment.where),
    ]
    if segment.unless:
        lines += ["and none of this:", *(f"- {phrase(condition)}" for condition in segment.unless)]
    return "\n".join(lines)


def phrase(condition: Condition) -> str:
    """Say one condition in words."""
    if isinstance(condition, Signals):
        return _signals(condition)
    if isinstance(condition, Experience):
        scale = f" on {_or(condition.scale)}" if condition.scale else ""
        said = f"said {condition.signals} times or more" if condition.signals > 1 else "said once or more"
        return f"mean {condition.of}{scale} {_between(condition.at_least, condition.at_most)}, {said} within {condition.within_days:g} days"
    if isinstance(condition, Trait):
        return f"{condition.trait} is {_or(str(v).lower() if isinstance(v, bool) else str(v) for v in condition.is_in)}"
    if isinstance(condition, KnownBy):
        return f"known by {_or(t.replace('_', ' ') for t in condition.types)}"
    if isinstance(condition, Known):
        return f"first heard {_between(condition.at_least_days, condition.at_most_days)} days ago"
    if isinstance(condition, OpenIssue):
        return "hit by an open issue" + (f" about {_or(condition.topics)}" if condition.topics else "")
    if isinstance(condition, Consent):
        return f"{condition.purpose}: {_or(condition.state)}"
    return f"belongs to {_or(condition.accounts)}"


def _signals(condition: Signals) -> str:
    least = fewest(condition)
    if condition.at_most == 0:
        words = "no signal"
    elif condition.at_most is not None:
        words = f"{least} to {condition.at_most} signals"
    else:
        words = f"{least} or more signals"
    if condition.failed is not None:
        words += " that failed," if condition.failed else " that worked,"
    asked = [f"of {name} {_or(values)}" for name in FACETS if (values := getattr(condition, name))]
    words += "".join(f" {part}," for part in asked)
    words += f" about {_or(condition.topics)}," if condition.topics else ""
    return f"{words.rstrip(',')}, within {condition.within_days:g} days"


def fewest(condition: Signals) -> int:
    """Give how many signals are asked for at least: one, where nothing is said."""
    return condition.at_least if condition.at_least is not None else int(condition.at_most is None)


def _check(condition: Condition, place: str) -> None:
    least = getattr(condition, "at_least", getattr(condition, "at_least_days", None))
    most = getattr(condition, "at_most", getattr(condition, "at_most_days", None))
    if isinstance(condition, Experience | Known) and least is None and most is None:
        raise Refused("expected a limit: at least, at most, or both", place=place)
    if least is not None and most is not None and least > most:
        raise Refused("nobody can be above the one limit and below the other", place=place)
    if isinstance(condition, Signals) and least == 0 and most is None:
        raise Refused("at least 0 signals holds of everybody", place=f"{place}.at_least")
    if isinstance(condition, Experience) and condition.of == "mood" and condition.scale:
        raise Refused("a mood has no scale", place=f"{place}.scale")


def _between(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"from {least:g} to {most:g}"
    return f"of at least {least:g}" if least is not None else f"of at most {most:g}"


def _or(values: Iterable[str]) -> str:
    return " or ".join(values)
