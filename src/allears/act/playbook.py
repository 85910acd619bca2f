"""Playbooks: when something happens, who is concerned, and what to do then. Typed data read from TOML, never code."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from allears.act.route import Conditions, Priority
from allears.errors import NotFound, Refused

Relationship = Literal["consumer", "employee", "partner"]
Share = Annotated[float, Meta(ge=0, le=0.5)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a playbook: fixed, and strict about its fields."""


class IssueOpened(_Part, frozen=True, tag_field="on", tag="issue opened"):
    """An issue was found."""

    issue: Conditions = Conditions()


class IssueFixed(_Part, frozen=True, tag_field="on", tag="issue fixed"):
    """An issue's cause was mended."""

    issue: Conditions = Conditions()


class IssueReopened(_Part, frozen=True, tag_field="on", tag="issue reopened"):
    """An issue came back."""

    issue: Conditions = Conditions()


class Burn(_Part, frozen=True, tag_field="on", tag="burn"):
    """A service uses up its error budget too fast."""

    service: tuple[str, ...] = ()
    min_rate: Annotated[float, Meta(gt=0, description="times the pace that would just use up the budget")] = (
        1.0
    )


class VerdictSaid(_Part, frozen=True, tag_field="on", tag="verdict"):
    """It was measured whether a fix brought trust back."""

    said: tuple[Literal["regained", "not regained", "cannot tell"], ...] = ("not regained",)


class CustomerHit(_Part, frozen=True, tag_field="on", tag="customer hit"):
    """A customer met failures of a service, several in a while."""

    service: tuple[str, ...] = ()
    failures: Annotated[int, Meta(ge=1)] = 2
    within_hours: Annotated[float, Meta(gt=0)] = 24.0


class DetractorAnswered(_Part, frozen=True, tag_field="on", tag="detractor answered"):
    """A customer gave a low rating."""

    at_most: Annotated[float, Meta(ge=0, le=1, description="normalised rating; 0.6 is 6 of 10")] = 0.6
    scale: tuple[Literal["nps-0-10", "stars-1-5", "csat-1-5", "ces-1-7", "trustid-1-7"], ...] = ()


class Event(_Part, frozen=True, tag_field="on", tag="event"):
    """A customer did something in their life with us, such as cancelling."""

    names: Annotated[tuple[str, ...], Meta(min_length=1)]


class SegmentEntered(_Part, frozen=True, tag_field="on", tag="segment entered"):
    """A customer came to belong to a segment, by what they did or met."""

    segment: Annotated[tuple[str, ...], Meta(min_length=1)]


class SegmentLeft(_Part, frozen=True, tag_field="on", tag="segment left"):
    """A customer belongs to a segment no longer."""

    segment: Annotated[tuple[str, ...], Meta(min_length=1)]


Trigger = (
    IssueOpened
    | IssueFixed
    | IssueReopened
    | Burn
    | VerdictSaid
    | CustomerHit
    | DetractorAnswered
    | Event
    | SegmentEntered
    | SegmentLeft
)


class Who(_Part, frozen=True):
    """Which customers are concerned.

    ``exposed``: met the failing part, or wrote about it; ``wrote``: wrote about the issue; ``customer``: the one to
    whom it happened; ``nobody``: it is work for teams only. ``silent`` keeps only those who did not write.
    """

    are: Literal["exposed", "wrote", "customer", "nobody"] = "nobody"
    relationship: tuple[Relationship, ...] = ()
    silent: bool = False
    at_most: Annotated[int, Meta(ge=1)] | None = None


class OpenCase(_Part, frozen=True, tag_field="do", tag="open case"):
    """Give work to a department; ``contacts`` when it means to speak with the customer."""

    department: Annotated[str, Meta(min_length=1)]
    priority: Priority
    title: Annotated[str, Meta(min_length=1)]
    contacts: bool = False


class Notify(_Part, frozen=True, tag_field="do", tag="notify"):
    """Tell destinations, such as a department's chat."""

    destinations: Annotated[tuple[str, ...], Meta(min_length=1)]


class Propose(_Part, frozen=True, tag_field="do", tag="propose message"):
    """Propose a message to each customer concerned; ``safety`` is never held back, but counted."""

    message: Annotated[str, Meta(min_length=1, description="name of the text, kept where messages are sent")]
    purpose: Literal["service", "marketing", "safety"] = "service"
    via: str = ""


class Survey(_Part, frozen=True, tag_field="do", tag="survey"):
    """Ask each customer concerned: by a survey of ours, which makes links, or a question of whoever sends it."""

    survey: Annotated[str, Meta(description="name of one of our surveys")] = ""
    question: Annotated[str, Meta(description="name of a question kept where it is asked")] = ""
    scale: Literal["nps-0-10", "stars-1-5", "csat-1-5", "ces-1-7", "trustid-1-7"] = "csat-1-5"
    via: str = ""


class Wait(_Part, frozen=True, tag_field="do", tag="wait"):
    """Do what follows later; forgotten when the issue comes back meanwhile."""

    hours: Annotated[float, Meta(gt=0, le=24 * 90)]


Action = OpenCase | Notify | Propose | Survey | Wait


class Suppress(_Part, frozen=True):
    """When a customer is left in peace. Caps count everything in rolling windows; the tightest wins."""

    per_day: Annotated[int, Meta(ge=0)] = 1
    per_week: Annotated[int, Meta(ge=0)] = 3
    per_month: Annotated[int, Meta(ge=0)] = 8
    quiet_from: time | None = time(21)
    quiet_to: time | None = time(8)
    survey_every_days: Annotated[float, Meta(ge=0)] = 60.0
    no_survey_during_complaint: bool = True
    no_marketing_after_complaint_days: Annotated[float, Meta(ge=0)] = 14.0


class Goal(_Part, frozen=True):
    """What it is for, and where that can be seen."""

    measure: str
    within_days: Annotated[float, Meta(gt=0)] = 28.0


class Playbook(_Part, frozen=True):
    """What to do when something happens.

    ``holdout`` is the share of customers who are left out, always the same ones, so that the effect can be measured.
    """

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    says: str
    when: Trigger
    then: Annotated[tuple[Action, ...], Meta(min_length=1)]
    goal: Goal
    who: Who = Who()
    holdout: Share = 0.1
    suppress: Suppress = Suppress()


def read_playbook(text: str, place: str = "playbook.toml") -> Playbook:
    """Read a playbook from TOML.

    Raises
    ------
    Refused
        It is not TOML, or a field is missing, unknown or wrong; the message names the field.

    Examples
    --------
    >>> read_playbook('''
    ... name = "tell-the-team"
    ... says = "the team hears of it"
    ... goal = { measure = "time to fix" }
    ... when = { on = "issue opened", issue = { min_customers = 20 } }
    ... then = [ { do = "notify", destinations = ["team-chat"] } ]
    ... ''').when.issue.min_customers
    20
    """
    try:
        playbook = msgspec.toml.decode(text, type=Playbook)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None
    except msgspec.DecodeError as error:
        raise Refused(f"not TOML: {error}", place=place) from None
    _check(playbook, place)
    return playbook


def examples() -> list[str]:
    """List the names of the playbooks that come with Allears."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def example(name: str) -> Playbook:
    """Read one of the playbooks that come with Allears.

    Raises
    ------
    NotFound
        There is none of that name.
    """
    if name not in examples():
        raise NotFound(f"no such playbook; there are {', '.join(examples())}", place="playbook")
    return read_playbook((_folder() / f"{name}.toml").read_text("utf-8"), place=f"{name}.toml")


def _check(playbook: Playbook, place: str) -> None:
    people = playbook.who.are
    if playbook.then[-1].__class__ is Wait:
        raise Refused("nothing follows the wait", place=f"{place}: then[{len(playbook.then) - 1}]")
    personal = isinstance(
        playbook.when, CustomerHit | DetractorAnswered | Event | SegmentEntered | SegmentLeft
    )
    if people == "customer" and not personal:
        raise Refused("this trigger is not about one customer", place=f"{place}: who.are")
    if people in ("exposed", "wrote") and not isinstance(
        playbook.when, IssueOpened | IssueFixed | IssueReopened | VerdictSaid
    ):
        raise Refused("this trigger is not about an issue", place=f"{place}: who.are")
    waits = [index for index, action in enumerate(playbook.then) if isinstance(action, Wait)]
    for index, action in enumerate(playbook.then):
        if people == "nobody" and isinstance(action, Propose | Survey):
            raise Refused("nobody is concerned: say who", place=f"{place}: then[{index}]")
        if isinstance(action, Survey) and bool(action.survey) == bool(action.question):
            raise Refused("expected a survey or a question, one of them", place=f"{place}: then[{index}]")
        if isinstance(action, OpenCase) and waits and index > waits[0]:
            raise Refused("a case is opened at once: put the wait behind it", place=f"{place}: then[{index}]")
        if isinstance(action, OpenCase) and action.contacts and people != "customer":
            raise Refused(
                "only a case about one customer contacts somebody", place=f"{place}: then[{index}].contacts"
            )
    if (playbook.suppress.quiet_from is None) != (playbook.suppress.quiet_to is None):
        raise Refused("quiet hours need both ends, or neither", place=f"{place}: suppress.quiet_to")


def _folder() -> Path:
    return Path(__file__).with_name("playbooks")
