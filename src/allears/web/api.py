"""Read what Allears knows over HTTP: one table of routes, each with the right it needs and what may be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from fastapi import APIRouter, Request
from starlette.responses import Response

from allears.errors import NotFound, Refused
from allears.guard.access import Action, Principal
from allears.journey import people as seen_people
from allears.journey import seen
from allears.web.describe import ERRORS, PAGED, PARAMETERS, described
from allears.web.errors import answer
from allears.web.refused import refused_routes
from allears.web.rights import rights_routes
from allears.web.who import knock

if TYPE_CHECKING:
    from allears.space import Space

PAGE = 100


def api(space: Space) -> APIRouter:
    """List the routes that answer questions."""
    router = APIRouter(prefix="/api")

    def route(
        path: str,
        action: Action,
        ask: Callable[[dict[str, str], Principal], Any],
        summary: str,
        *asked: str,
        paged: bool = True,
    ) -> None:
        names = (*asked, *(PAGED if paged else ()))

        @router.get(
            path,
            summary=summary,
            name=path,
            responses=ERRORS,
            openapi_extra=described(path, {name: PARAMETERS[name] for name in names}, paged=paged),
        )
        async def endpoint(request: Request) -> Response:
            principal = knock(space, request, action)
            values = {**request.query_params, **request.path_params}
            for name in names:
                _demand(name, values.get(name))
            found = await asyncio.to_thread(ask, values, principal)
            return answer(_page(found, values) if paged else found)

    see, health, people, work = Action.SEE_FIGURES, Action.SEE_HEALTH, Action.SEE_CUSTOMERS, Action.SEE_CASES
    route(
        "/status",
        health,
        lambda v, p: _whole(space, p, space.status),
        "What was accepted, stored, refused and waits",
        paged=False,
    )
    route(
        "/channels",
        health,
        lambda v, p: _whole(space, p, space.health),
        "How each source stands: freshness, volume, refused",
    )
    refused_routes(router, space)
    route(
        "/issues",
        see,
        lambda v, p: seen.issues(space.ground, p, v.get("state")),
        "Issues and opportunities",
        "state",
    )
    route(
        "/issues/{issue}",
        see,
        lambda v, p: seen.issue(space.ground, p, v["issue"]),
        "One issue",
        paged=False,
    )
    route("/cases", work, lambda v, p: seen.cases(space.ground, p, v.get("state")), "Cases", "state")
    route(
        "/moves",
        Action.RUN_PLAYBOOKS,
        lambda v, p: _moves(space, p, v.get("state"), v.get("decision")),
        "What playbooks decided; with decision=ID, each of its moves",
        "state",
        "decision",
    )
    route(
        "/promises",
        people,
        lambda v, p: seen_people.concerned(space.ground, p, space.promises(), "customer"),
        "Promises made in writing, and what became of them",
    )
    rights_routes(router, space)
    route(
        "/requests",
        Action.SERVE_RIGHTS,
        lambda v, p: _whole(space, p, lambda: space.requests(closed=v.get("state") == "all")),
        "Requests by right with their clocks, the next one due first; closed ones too with state=all",
        "state",
    )
    route(
        "/holds",
        Action.SERVE_RIGHTS,
        lambda v, p: _whole(space, p, lambda: space.holds(ended=v.get("state") == "all")),
        "Legal holds that last; ended ones too with state=all",
        "state",
    )
    route(
        "/restrictions",
        Action.SERVE_RIGHTS,
        lambda v, p: _whole(space, p, lambda: space.restrictions(lifted=v.get("state") == "all")),
        "Customers whose data is kept and used for nothing else; lifted restrictions too with state=all",
        "state",
    )
    route(
        "/merges",
        people,
        lambda v, p: seen_people.concerned(space.ground, p, space.merges(), "left", "right"),
        "Who was joined or parted by hand",
    )
    route(
        "/links",
        Action.MERGE_CUSTOMERS,
        lambda v, p: seen_people.concerned(
            space.ground, p, space.link_queue(v.get("state") or "waiting", limit=1000), "left", "right"
        ),
        "Pairs of customers that are probably one person, each with what every field adds",
        "state",
    )
    route(
        "/links/{pair}",
        Action.MERGE_CUSTOMERS,
        lambda v, p: seen_people.pair(space.ground, p, _number(v["pair"])),
        "One pair: who they are and what joining them would do",
        paged=False,
    )
    route(
        "/segments",
        see,
        lambda v, p: _figures(space, p, space.segments),
        "Segments of customers, as they were last counted",
    )
    route(
        "/segments/{segment}",
        people,
        lambda v, p: seen_people.segment(space.ground, p, space.segment(v["segment"])),
        "One segment: conditions in words, the last 30 days, who entered and left lately",
        paged=False,
    )
    route(
        "/segments/{segment}/customers",
        people,
        lambda v, p: seen_people.members(space.ground, p, space.segment_members(v["segment"])),
        "Who is in a segment",
    )
    route(
        "/accounts",
        people,
        lambda v, p: seen_people.accounts(space.ground, p),
        "Organisations, most customers first",
    )
    route(
        "/accounts/{account}",
        people,
        lambda v, p: seen_people.account(space.ground, p, v["account"]),
        "One organisation: those above and below it, and its people",
        paged=False,
    )
    route(
        "/customers",
        people,
        lambda v, p: seen_people.customers(space.ground, p, limit=1000),
        "Customers by last contact",
    )
    route(
        "/customers/{customer}",
        people,
        lambda v, p: _one(space, p, v["customer"]),
        "One customer: figures, traits with where each came from, organisations and household",
        paged=False,
    )
    route(
        "/trust",
        see,
        lambda v, p: _figures(space, p, lambda: space.trust(v.get("by"), v.get("every", "week"))),
        "Trust index with intervals",
        "by",
        "every",
    )
    route(
        "/experience",
        see,
        lambda v, p: _figures(space, p, lambda: space.experience(v.get("by"), v.get("every", "week"))),
        "NPS, CSAT, CES, stars",
        "by",
        "every",
    )
    route(
        "/surveys",
        see,
        lambda v, p: _figures(space, p, lambda: space.surveys.rates(by=v.get("by"))),
        "Our own surveys: how many were asked and answered, as a whole or by channel, relationship, region, language or asked_by",
        "by",
    )
    route(
        "/verdicts",
        see,
        lambda v, p: _figures(space, p, space.verdicts),
        "Whether each fix brought trust back",
    )
    route(
        "/services", see, lambda v, p: _figures(space, p, space.services), "Services against their objectives"
    )
    route("/topics", see, lambda v, p: _figures(space, p, space.topics), "Topics and their volumes")
    route(
        "/surprises",
        see,
        lambda v, p: _figures(space, p, space.surprises),
        "Where counts left what was expected",
    )
    route(
        "/forecast",
        see,
        lambda v, p: _figures(space, p, lambda: space.forecast(v.get("channel"), days=int(v.get("days", 7)))),
        "Expected volume",
        "channel",
        "days",
    )
    return router


def _figures(space: Space, principal: Principal, ask: Callable[[], Any]) -> Any:
    # Figures over everybody say nothing about some rows: whoever sees only those gets none rather than everybody's.
    mine = seen.sight(space.ground, principal)
    if not mine.figures:
        return []
    found = ask()
    return seen.open_groups(mine, found) if isinstance(found, pa.Table) else found


def _whole(space: Space, principal: Principal, ask: Callable[[], Any]) -> Any:
    seen_people.require_figures(space.ground, principal)
    return ask()


def _moves(space: Space, principal: Principal, state: str | None, decision: str | None) -> Any:
    if decision is None:
        return _figures(space, principal, lambda: space.moves(state=state, limit=1000))
    found = space.moves(state=state, decision=decision, limit=1000)
    return seen_people.concerned(space.ground, principal, found, "customer")


def _one(space: Space, principal: Principal, customer: str) -> dict[str, Any]:
    if not customer.startswith("c_"):
        # An address of somebody has no place in an address of the web: it stays in logs and histories.
        raise NotFound("expected the id of a customer, as lists give it", place="customer")
    person = seen_people.person(space.ground, principal, customer)
    return {"customer": person.overview(), "traits": person.traits(), "relations": person.relations()}


def _demand(name: str, value: str | None) -> None:
    most = PARAMETERS[name].get("maximum")
    if value is None or most is None:
        return
    least = PARAMETERS[name]["minimum"]
    # A number of five thousand digits is no number to Python; one of twenty is none to anybody.
    if not (value.isascii() and value.isdigit() and len(value) < 20 and least <= int(value) <= most):
        raise Refused(f"expected a whole number from {least} to {most}", place=name)


def _page(found: Any, values: dict[str, str]) -> dict[str, Any]:
    rows = found.to_pylist() if isinstance(found, pa.Table | pa.RecordBatch) else found
    start, limit = int(values.get("cursor", 0)), int(values.get("limit", PAGE))
    following = start + limit if start + limit < len(rows) else None
    return {"items": rows[start : start + limit], "next": str(following) if following is not None else None}


def _number(pair: str) -> int:
    # A number of five thousand digits is no number to Python.
    if not pair.isdecimal() or len(pair) > 18:
        raise NotFound("no pair of that number in the queue")
    return int(pair)
