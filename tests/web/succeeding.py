"""Every operation of the API where it succeeds: real things to ask about, and what is asked of them by each role."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from schemathesis.core import NOT_SET
from schemathesis.core.failures import FailureGroup
from tests.web.world import NOW

from allears.space import Space
from allears.tables import TABLES

ROUTES = Path(__file__).parent / "routes.csv"
REFUSED = frozenset({"401", "403"})
EVENT = {"userId": "u1", "previousId": "u0", "groupId": "g", "event": "Viewed", "name": "Home"}
SEGMENT = "chats"
_SEGMENT = f"""
name = "{SEGMENT}"
says = "wrote by chat"
purpose = "service"
where = [ {{ about = "signals", channel = ["chat"], at_least = 1, within_days = 60 }} ]
"""
TELEMETRY = {"traces": "resourceSpans", "metrics": "resourceMetrics", "logs": "resourceLogs"}


class Asked(NamedTuple):
    """What an operation is asked with, so that it succeeds."""

    within: Mapping[str, str] = {}
    body: Any = None


class Went(NamedTuple):
    """How asking went: what succeeded, what did not although it should have, and what was let in although it should not."""

    succeeded: list[str]
    unreached: list[str]
    wrong: list[str]
    cases: int


def ask_everybody(
    described: Any, keys: Mapping[str, str], asked: Mapping[str, Asked], checks: Sequence[Any]
) -> Went:
    """Ask every operation of a description about what is there: those who may not first, then those who may.

    An operation has succeeded when everybody who may do it was answered as the description says, with a row where rows are
    listed; what is done once, the first of them does.
    """
    cells = answers()
    succeeded: list[str] = []
    unreached: list[str] = []
    wrong: list[str] = []
    cases = 0
    for found in described.get_all_operations():
        operation = found.ok()
        place = f"{operation.method.upper()} {operation.path}"
        if "{" in operation.path and place not in asked:
            unreached.append(place)
            continue
        once = operation.method == "post" and operation.path.startswith("/api/")
        done = rows = 0
        for who in sorted(cells[place], key=lambda role: not cells[place][role] <= REFUSED):
            may = not cells[place][who] <= REFUSED
            if may and done and once:
                break
            answer, said = _ask(operation, asked.get(place, Asked()), keys.get(who), checks)
            cases += 1
            if said:
                wrong.append(f"{place} as {who}, {answer.status_code}: {said}")
            elif may and answer.status_code < 300:
                done, rows = done + 1, rows + _rows(answer.json())
            elif may or str(answer.status_code) not in cells[place][who]:
                wrong.append(f"{place} as {who}: {answer.status_code}, {'who may' if may else 'who may not'}")
        (succeeded if rows else unreached).append(place)
    return Went(succeeded, unreached, wrong, cases)


def _ask(operation: Any, asked: Asked, key: str | None, checks: Sequence[Any]) -> tuple[Any, str]:
    """Ask once; gives the answer, and in what it is not as described."""
    body = NOT_SET if asked.body is None else asked.body
    case = operation.Case(path_parameters=dict(asked.within), body=body, media_type="application/json")
    answer = case.call(headers={} if key is None else {"Authorization": f"Bearer {key}"}, timeout=60)
    try:
        case.validate_response(answer, checks=list(checks))
    except FailureGroup as group:
        return answer, ", ".join(sorted({type(one).__name__ for one in group.exceptions}))
    return answer, ""


def _rows(answer: Any) -> int:
    """Count what was answered: the rows of a list; anything else is one."""
    return len(answer["items"]) if isinstance(answer, dict) and "items" in answer else 1


def answers() -> dict[str, dict[str, set[str]]]:
    """Tell what the table of routes answers, by operation and role."""
    found: dict[str, dict[str, set[str]]] = {}
    for row in csv.DictReader(ROUTES.read_text("utf-8").splitlines()):
        roles = found.setdefault(f"{row['method']} {row['route']}", {})
        for role in list(row)[4:]:
            roles.setdefault(role, set()).add(row[role])
    return found


def fill(space: Space) -> dict[str, Asked]:
    """Put what operations are about into a space of `make_space`; gives what each is asked with."""
    _hear(space)
    _write_rules(space)
    space.tell_account("Hartwell", name="Hartwell")
    space.relate("u2", "Hartwell")
    space.mark_fixed("i-own", NOW - timedelta(days=1))
    space.ground.store.append("surprises", TABLES["surprises"].rows([_SURPRISE]))
    space.digest(look=False)
    space.merge("u5", "bo@example.com", why="case 11")
    space.count_segments()
    known = {
        "issue": "i-own",
        "pair": str(space.link_queue()[0]["pair"]),
        "segment": SEGMENT,
        "account": space.accounts()[0]["account"],
        "customer": space.customer("u1").id,
        "row": space.refused(limit=1)[0]["refused"],
    }
    asked = {f"GET /api/{path}": Asked({name: known[name]}) for path, name in _NAMED.items()}
    asked["POST /api/refused/{row}/open"] = Asked({"row": known["row"]}, {"why": "case 12"})
    asked["POST /api/refused/replay"] = Asked(body={"source": "loft"})
    return asked | _rights(space) | _doors()


_NAMED = {
    "issues/{issue}": "issue",
    "links/{pair}": "pair",
    "segments/{segment}": "segment",
    "segments/{segment}/customers": "segment",
    "accounts/{account}": "account",
    "customers/{customer}": "customer",
    "refused/{row}": "row",
}


def _rights(space: Space) -> dict[str, Asked]:
    """Note requests, a hold and a restriction, each of somebody else."""

    def noted(number: int, kind: str, *, checked: bool = True) -> dict[str, str]:
        request = space.request(f"u{number}", kind)
        if checked:
            space.check_asker(request, "called back")
        return {"request": request}

    why = {"why": "case 12"}
    at = "POST /api/requests/{request}"
    return {
        "POST /api/requests": Asked(body={"who": "u0", "kind": "access"}),
        f"{at}/check": Asked(noted(0, "access", checked=False), {"how": "called back"}),
        f"{at}/extend": Asked(noted(1, "access"), why),
        f"{at}/close": Asked(noted(1, "objection"), {"outcome": "answered"}),
        f"{at}/restrict": Asked(noted(2, "restriction"), why),
        f"{at}/object": Asked(noted(3, "objection"), {"purposes": ["analytics"]}),
        f"{at}/rectify": Asked(noted(4, "rectification"), {"kind": "name", "right": "Ada"}),
        f"{at}/export": Asked(noted(4, "access"), {}),
        f"{at}/erase": Asked(noted(7, "erasure"), why | {"everything": True}),
        "POST /api/rectify": Asked(body=why | {"who": "u8", "kind": "name", "right": "Bo"}),
        "POST /api/holds": Asked(body=why | {"who": "u9"}),
        "POST /api/holds/{hold}/end": Asked({"hold": space.hold("u9", why="court")}, why),
        "POST /api/restrictions": Asked(body=why | {"who": "u10"}),
        "POST /api/restrictions/{restriction}/lift": Asked(
            {"restriction": space.restrict("u11", why="contests")}, {"told": "by letter"}
        ),
    }


def _doors() -> dict[str, Asked]:
    signal = {"text": "Late again", "signal_id": "succeeds", "identifiers": {"user_id": "u1"}}
    called = ("track", "identify", "page", "screen", "group", "alias")
    return {
        "POST /signals": Asked(body=signal),
        **{f"POST /v1/{name}": Asked(body=EVENT | {"type": name, "messageId": name}) for name in called},
        **{f"POST /v1/{name}": Asked(body={"batch": [EVENT | {"type": "track", "messageId": name}]}) for name in ("batch", "import")},
        **{f"POST /v1/{name}": Asked(body={key: []}) for name, key in TELEMETRY.items()},
    }  # fmt: skip


def _hear(space: Space) -> None:
    """Five weeks of answers to a survey, a promise in writing, and what a service did."""
    people = [f"u{n}" for n in range(12)]
    answers = [
        {
            "signal_id": f"answer{day}-{who}", "occurred_at": (NOW - timedelta(days=day)).isoformat(), "channel": "survey", "kind": "feedback",
            "rating": 1 + (day + len(who)) % 5, "rating_scale": "csat-1-5", "identifiers": {"user_id": who},
        }
        for day in range(1, 36) for who in people
    ]  # fmt: skip
    promise = {
        "signal_id": "promise", "occurred_at": (NOW - timedelta(days=3)).isoformat(), "channel": "email", "direction": "out", "thread": "t1",
        "text": "We will call you back within 24 hours.", "identifiers": {"user_id": "u1"},
    }  # fmt: skip
    calls = [
        {
            "signal_id": f"call{n}", "occurred_at": (NOW - timedelta(hours=n)).isoformat(), "channel": "app", "kind": "event", "name": "Paid",
            "service": "checkout", "ok": n % 9 > 0, "duration_ms": 5 * n, "identifiers": {"user_id": people[n % 12]},
        }
        for n in range(1, 60)
    ]  # fmt: skip
    mail = {
        "signal_id": "by mail",
        "text": "Hello",
        "channel": "email",
        "identifiers": {"email": "bo@example.com"},
    }
    heard = space.hear([*answers, promise, *calls, mail], source="shop")
    assert not heard.refused, heard.reasons


def _write_rules(space: Space) -> None:
    """A survey that was sent, a segment of whoever chats, an objective of a service."""
    folder = space.ground.folder
    for name in ("surveys", "segments"):
        (folder / name).mkdir(exist_ok=True)
    survey = {
        "name": "short",
        "title": {"en": "Us"},
        "questions": [{"id": "q", "text": {"en": "How was it?"}}],
    }
    (folder / "surveys" / "short.toml").write_bytes(msgspec.toml.encode(survey))
    (folder / "segments" / f"{SEGMENT}.toml").write_text(_SEGMENT)
    (folder / "objectives.toml").write_text(
        '[[objective]]\nservice = "checkout"\nname = "availability"\ntarget = 0.99\n'
    )
    people = folder / "people.csv"
    people.write_text("user_id\nu1\n", "utf-8")
    space.ask("short", str(people))
    people.unlink()


_SURPRISE = {
    "series": "topic=delivery/late", "time": NOW - timedelta(hours=5), "detected_at": NOW - timedelta(hours=4), "observed": 12.0, "expected": 3.0,
    "high": 7.0, "score": 4.0, "direction": "rise", "method": "test",
}  # fmt: skip
