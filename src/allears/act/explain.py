"""A playbook in plain words, for whoever decides whether it may run."""

from __future__ import annotations

from allears.act.playbook import (
    Action,
    Burn,
    CustomerHit,
    DetractorAnswered,
    IssueFixed,
    IssueOpened,
    IssueReopened,
    Notify,
    OpenCase,
    Playbook,
    Propose,
    SegmentEntered,
    SegmentLeft,
    Survey,
    Trigger,
    VerdictSaid,
    Who,
)
from allears.act.route import describe


def explain(playbook: Playbook) -> str:
    """Say in plain words what a playbook does.

    Examples
    --------
    >>> from allears.act.playbook import example
    >>> print(explain(example("detractor-callback")))
    detractor-callback: somebody who rated us badly is called by a person within the working day
    When a customer gave a rating of 0.6 or less (1 is best) on nps-0-10,
    for the customer it happened to, if consumer or partner,
    then open a P2 case for service ("call back a customer who rated us badly").
    One customer in 10 is left out, always the same ones, to measure the effect.
    Nobody is contacted more than 1 time a day, 3 times a week, 8 times a month; contacts wait from 21:00 to 08:00.
    It is for: recontacts and later ratings, seen within 56 days.
    """
    lines = [f"{playbook.name}: {playbook.says}", f"When {_when(playbook.when)},"]
    if playbook.who.are != "nobody":
        lines.append(f"for {_who(playbook.who)},")
    lines.append(f"then {', then '.join(_action(action) for action in playbook.then)}.")
    if playbook.who.are != "nobody":
        lines += _care(playbook)
    lines.append(f"It is for: {playbook.goal.measure}, seen within {playbook.goal.within_days:g} days.")
    return "\n".join(lines)


def _when(when: Trigger) -> str:
    if isinstance(when, IssueOpened | IssueFixed | IssueReopened):
        what = {
            IssueOpened: "an issue is found",
            IssueFixed: "an issue is fixed",
            IssueReopened: "an issue comes back",
        }[type(when)]
        asked = describe(when.issue)
        return f"{what} and {' and '.join(asked)}" if asked else what
    if isinstance(when, Burn):
        service = " or ".join(when.service) or "any service"
        return f"{service} uses up its error budget {when.min_rate:g} times too fast or more"
    if isinstance(when, VerdictSaid):
        return f"the verdict on a fix says {' or '.join(when.said)}"
    if isinstance(when, CustomerHit):
        return f"a customer meets {when.failures} failures of {' or '.join(when.service) or 'any service'} within {when.within_hours:g} hours"
    if isinstance(when, DetractorAnswered):
        scale = f" on {' or '.join(when.scale)}" if when.scale else ""
        return f"a customer gave a rating of {when.at_most:g} or less (1 is best){scale}"
    if isinstance(when, SegmentEntered | SegmentLeft):
        verb = "enters" if isinstance(when, SegmentEntered) else "leaves"
        return f"a customer {verb} the segment {' or '.join(when.segment)}"
    return f"a customer does: {' or '.join(when.names)}"


def _who(who: Who) -> str:
    words = {
        "exposed": "everybody who met it",
        "wrote": "everybody who wrote about it",
        "customer": "the customer it happened to",
    }[who.are]
    words += ", if they did not write to us" if who.silent else ""
    words += f", if {' or '.join(who.relationship)}" if who.relationship else ""
    return words + (f", at most {who.at_most}" if who.at_most is not None else "")


def _action(action: Action) -> str:
    if isinstance(action, OpenCase):
        return f'open a {action.priority} case for {action.department} ("{action.title}")'
    if isinstance(action, Notify):
        return f"tell {' and '.join(action.destinations)}"
    if isinstance(action, Propose):
        return f'propose the {action.purpose} message "{action.message}"' + (
            f" through {action.via}" if action.via else ""
        )
    if isinstance(action, Survey):
        asked = (
            f"ask by the survey {action.survey}"
            if action.survey
            else f'ask "{action.question}" ({action.scale})'
        )
        return asked + (f" through {action.via}" if action.via else "")
    return f"wait {action.hours:g} hours"


def _care(playbook: Playbook) -> list[str]:
    lines, rules = [], playbook.suppress
    if playbook.holdout > 0:
        lines.append(
            f"One customer in {1 / playbook.holdout:.3g} is left out, always the same ones, to measure the effect."
        )
    caps = ", ".join(
        f"{n} time{'s' * (n != 1)} a {s}"
        for n, s in ((rules.per_day, "day"), (rules.per_week, "week"), (rules.per_month, "month"))
    )
    quiet = (
        f"; contacts wait from {rules.quiet_from:%H:%M} to {rules.quiet_to:%H:%M}"
        if rules.quiet_from and rules.quiet_to
        else ""
    )
    lines.append(f"Nobody is contacted more than {caps}{quiet}.")
    if any(isinstance(action, Survey) for action in playbook.then):
        during = " and never during an open complaint" if rules.no_survey_during_complaint else ""
        lines.append(f"Nobody is asked again within {rules.survey_every_days:g} days{during}.")
    if any(isinstance(action, Propose) and action.purpose == "marketing" for action in playbook.then):
        lines.append(f"No marketing for {rules.no_marketing_after_complaint_days:g} days after a complaint.")
    return lines
