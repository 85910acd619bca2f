"""Which department an issue concerns, and how urgent it is: an ordered list of typed rules, first match wins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from allears.errors import Refused

Priority = Literal["P1", "P2", "P3", "P4"]
_WORDS = re.compile(r"\w+")
_FACETS = ("service", "partner", "region", "channel", "release", "platform")


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What must hold, all of it; within a list, any of it. Nothing given: always holds."""

    topics: Annotated[tuple[str, ...], Meta(description="beginnings of topic ids")] = ()
    kind: Annotated[Literal["issue", "opportunity", ""], Meta(description="issue or opportunity")] = ""
    service: tuple[str, ...] = ()
    partner: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()
    terms: Annotated[
        tuple[str, ...], Meta(description="words in title or terms; burn* takes every ending")
    ] = ()
    min_score: Annotated[float, Meta(description="at least this score")] | None = None
    min_customers: Annotated[int, Meta(description="at least this many customers", ge=1)] | None = None
    min_growth: Annotated[float, Meta(description="at least this many times the expected")] | None = None

    def empty(self) -> bool:
        """Whether nothing is asked."""
        return self == Conditions()


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the routing table."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    department: Annotated[str, Meta(min_length=1, max_length=64)]
    priority: Priority
    when: Conditions = Conditions()
    also: tuple[str, ...] = ()


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The routing table."""

    rule: tuple[Rule, ...]


class Routed(msgspec.Struct, frozen=True):
    """Where an issue goes and why."""

    departments: tuple[str, ...]
    priority: str
    rule: str
    why: str


def read_rules(text: str, place: str = "routes.toml") -> Rules:
    """Read a routing table from TOML.

    Raises
    ------
    Refused
        It is not TOML, a field is wrong (``place`` names it), a rule can never be reached, or the last one asks something.

    Examples
    --------
    >>> rules = read_rules('''
    ... [[rule]]
    ... name = "everything"
    ... department = "service"
    ... priority = "P3"
    ... ''')
    >>> route(rules, {"title": "slow", "terms": [], "topics": [], "facets": {}}).departments
    ('service',)
    """
    try:
        rules = msgspec.toml.decode(text, type=Rules)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None
    except msgspec.DecodeError as error:
        raise Refused(f"not TOML: {error}", place=place) from None
    if not rules.rule or not rules.rule[-1].when.empty():
        raise Refused(
            "the last rule must ask nothing, so that no issue is left without a department",
            place=f"{place}: rule",
        )
    for index, rule in enumerate(rules.rule[:-1]):
        if rule.when.empty():
            raise Refused(
                "a rule that asks nothing hides those after it", place=f"{place}: rule[{index}].when"
            )
    return rules


def default_rules() -> Rules:
    """Read the routing table that comes with Allears."""
    path = Path(__file__).with_name("routes.toml")
    return read_rules(path.read_text("utf-8"), place=path.name)


def route(rules: Rules, issue: Mapping[str, Any]) -> Routed:
    """Find the departments and the urgency of an issue; what people assigned goes before the rule's department."""
    for rule in rules.rule:
        reasons = matches(rule.when, issue)
        if reasons is not None:
            departments = tuple(dict.fromkeys((rule.department, *rule.also)))
            return Routed(departments, rule.priority, rule.name, _sentence(rule, reasons))
    raise Refused("no rule matched and the table has no last resort", place="rules")


def explain(rule: Rule, issue: Mapping[str, Any]) -> str:
    """Say in words why a rule concerns an issue, or what is missing.

    Examples
    --------
    >>> rule = Rule("money", "payments", "P2", Conditions(topics=("payment/",), min_customers=20))
    >>> explain(rule, {"topics": ["payment/declined"], "customers": 31, "title": "", "terms": [], "facets": {}})
    'money: to payments as P2 because the topic is payment/declined and 31 customers are concerned'
    >>> explain(rule, {"topics": ["payment/declined"], "customers": 3, "title": "", "terms": [], "facets": {}})
    'money: does not apply: 3 customers are concerned, fewer than 20'
    """
    reasons = matches(rule.when, issue)
    if reasons is None:
        missing = [text for held, text in _checks(rule.when, issue) if not held]
        return f"{rule.name}: does not apply: {' and '.join(missing)}"
    return _sentence(rule, reasons)


def matches(when: Conditions, issue: Mapping[str, Any]) -> list[str] | None:
    """Return the reasons why all conditions hold, or None when one does not."""
    checks = list(_checks(when, issue))
    return [text for _, text in checks] if all(held for held, _ in checks) else None


def describe(when: Conditions) -> list[str]:
    """Say the conditions in words, one phrase each."""
    phrases = []
    if when.kind:
        phrases.append(f"it is an {when.kind}")
    if when.topics:
        phrases.append(f"its topic begins with {_or(when.topics)}")
    phrases += [f"its {name} is {_or(getattr(when, name))}" for name in _FACETS if getattr(when, name)]
    if when.terms:
        phrases.append(f"its words hold {_or(when.terms)}")
    if when.min_score is not None:
        phrases.append(f"its score is at least {when.min_score:g}")
    if when.min_customers is not None:
        phrases.append(f"at least {when.min_customers} customers are concerned")
    if when.min_growth is not None:
        phrases.append(f"it grows at {when.min_growth:g} times the expected or more")
    return phrases


def _checks(when: Conditions, issue: Mapping[str, Any]) -> list[tuple[bool, str]]:
    found: list[tuple[bool, str]] = []
    if when.kind:
        found.append((issue.get("kind") == when.kind, f"it is an {issue.get('kind') or 'issue'}"))
    if when.topics:
        hit = next((t for t in issue.get("topics") or () if t.startswith(when.topics)), None)
        found.append(
            (hit is not None, f"the topic is {hit}" if hit else f"no topic begins with {_or(when.topics)}")
        )
    found += [_facet(name, getattr(when, name), issue) for name in _FACETS if getattr(when, name)]
    if when.terms:
        word = _word(when.terms, issue)
        found.append(
            (word is not None, f"its words hold '{word}'" if word else f"no word of {_or(when.terms)}")
        )
    for name, text, unit in (
        ("score", "the score is", ""),
        ("customers", "", " customers are concerned"),
        ("growth", "it grows", " times"),
    ):
        least = getattr(when, f"min_{name}")
        if least is not None:
            value = issue.get(name) or 0
            said = f"{text} {value:g}{unit}".strip()
            found.append((value >= least, said if value >= least else f"{said}, fewer than {least:g}"))
    return found


def _facet(name: str, wanted: tuple[str, ...], issue: Mapping[str, Any]) -> tuple[bool, str]:
    value = (issue.get("facets") or {}).get(name)
    # A facet may be one value, several, or values with their shares.
    values = [value] if isinstance(value, str) else list(value or ())
    hit = next((v for v in values if str(v).casefold() in {w.casefold() for w in wanted}), None)
    return hit is not None, f"the {name} is {hit}" if hit is not None else f"the {name} is not {_or(wanted)}"


def _word(wanted: tuple[str, ...], issue: Mapping[str, Any]) -> str | None:
    words = " ".join([str(issue.get("title") or ""), *(issue.get("terms") or ())]).casefold()
    text = " " + " ".join(_WORDS.findall(words)) + " "
    for phrase in wanted:
        begins = f" {phrase.casefold().rstrip('*')}"
        if (begins if phrase.endswith("*") else f"{begins} ") in text:
            return phrase
    return None


def _sentence(rule: Rule, reasons: list[str]) -> str:
    because = f" because {' and '.join(reasons)}" if reasons else " because no other rule applies"
    return f"{rule.name}: to {' and '.join(dict.fromkeys((rule.department, *rule.also)))} as {rule.priority}{because}"


def _or(values: tuple[str, ...]) -> str:
    return " or ".join(values)
