"""Every route, walked with the key and log-in of whoever sees some rows or fields only: no answer holds anything of the rest."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from tests.serving import Server, serving
from tests.web.routed import routes
from tests.web.world import NOW, PASSWORD, logins

from allears.act import issue as issue_desk
from allears.act.case import open_cases
from allears.act.clocks import Clocks
from allears.act.route import default_rules
from allears.journey.belonging import LABEL
from allears.know.accounts import About, Belongs, put_account, relate
from allears.know.household import HOUSEHOLD, MEMBER
from allears.know.link import queue
from allears.space import Space
from allears.tables import TABLES
from allears.web.app import build

PARTNERS = ("Postwing", "Swiftlane", "Cargomere")
REGIONS = ("DE", "DE-BY", "FR", None)
TABLE = list(csv.DictReader((Path(__file__).parent / "routes.csv").read_text("utf-8").splitlines()))
POSTED = {row["path"] for row in TABLE if row["method"] == "POST" and row["path"].startswith("/api/")}
ACCESS = """
[sights.germany]
regions = ["de"]
[sights.people]
relationships = ["employee"]
[closed]
relationships = ["employee"]
[roles.analyst]
hide = ["text", "properties", "account", "identifiers"]
[roles.cio]
show = ["identifiers"]
"""
FACTS: dict[str, str] = {}
ROUTES: dict[str, str] = {}


class Row(NamedTuple):
    """Whose a signal is; its words and its customer's id stand in no other."""

    number: int
    partner: str | None
    region: str | None
    relationship: str

    @property
    def word(self) -> str:
        return f"zq{self.number:03d}xv"

    @property
    def extra(self) -> str:
        return f"pq{self.number:03d}xw"

    @property
    def who(self) -> str:
        return f"u{self.number}"


ROWS = [
    Row(n, (*PARTNERS, None)[n % 4], REGIONS[(n // 4) % 4], "employee" if n % 5 == 0 else "consumer")
    for n in range(60)
]


class Reader(NamedTuple):
    """Somebody who sees some rows only, or some fields."""

    name: str
    role: str
    sees: Callable[[Row], bool]
    partner: str | None = None
    sight: str | None = None
    masked: bool = False


READERS = [
    *(Reader(p.lower(), "partner", lambda row, p=p: row.partner == p, partner=p) for p in PARTNERS),
    Reader(
        "german-agent",
        "agent",
        lambda row: row.region in ("DE", "DE-BY") and row.relationship != "employee",
        sight="germany",
    ),
    Reader(
        "german-cio",
        "cio",
        lambda row: row.region in ("DE", "DE-BY") and row.relationship != "employee",
        sight="germany",
    ),
    Reader("hr", "agent", lambda row: row.relationship == "employee", sight="people"),
    Reader("agent", "agent", lambda row: row.relationship != "employee"),
    Reader("privacy", "privacy", lambda row: row.relationship != "employee"),
    Reader("analyst", "analyst", lambda row: False, masked=True),
    Reader("engineer", "engineer", lambda row: False, masked=True),
]
BY_NAME = {reader.name: reader for reader in READERS}


def _signal(row: Row) -> dict[str, object]:
    given: dict[str, object] = {
        "signal_id": f"s-{row.who}",
        "occurred_at": (NOW - timedelta(hours=row.number + 1)).isoformat(),
        "text": f"My parcel {row.word} never came, this is a shame",
        "channel": "chat",
        "kind": "feedback",
        "properties": {"note": row.extra},
        "relationship": row.relationship,
        "identifiers": {"user_id": row.who},
    }
    return given | {n: v for n, v in (("partner", row.partner), ("region", row.region)) if v}


def _issue(name: str, partner: str | None, members: list[Row]) -> dict[str, object]:
    return {
        "issue": name, "title": f"Late {members[-1].word} at {partner}", "kind": "issue", "topics": ["delivery/late"],
        "facets": f'{{"partner": "{partner}"}}' if partner else "{}", "terms": [row.word for row in members[:3]],
        "exemplars": [f"desk:s-{row.who}" for row in members[:5]], "signal_ids": [f"desk:s-{row.who}" for row in members],
        "first_signal_at": NOW - timedelta(days=3), "detected_at": NOW - timedelta(hours=2), "signals": len(members), "customers": 4,
        "expected": 3.0, "growth": 2.0, "score": 77771234.0, "factors": '{"burst": 77771234.0}', "method": "test",
    }  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sights") / "acme"
    with Space.open(folder) as space:
        (folder / "access.toml").write_text(ACCESS)
        space.hear([_signal(row) for row in ROWS], source="desk")
        space.hear([{"text": "zqrefused", "rating": 99, "rating_scale": "nps-0-10"}], source="till")
        space.digest(look=False)
        issues = [_issue(f"i-{p}", p, ROWS) for p in PARTNERS]
        issues += [_issue("i-shared", None, ROWS), _issue("i-house", None, ROWS[3::4])]
        issues.append(_issue("i-german", None, [r for r in ROWS if BY_NAME["german-cio"].sees(r)]))
        changes = issue_desk.record(space.ground.desk, TABLES["issues"].rows(issues), at=NOW)
        open_cases(space.ground.desk, changes, default_rules(), Clocks.default(), NOW)
        for change in changes:
            issue_desk.acknowledge(space.ground.desk, change.id, "user:zqinsider", NOW, "zqnote of staff")
        for partner in PARTNERS[:2]:
            space.share("i-shared", partner)
        FACTS.update({row.who: space.customer(row.who).id for row in ROWS})
        FACTS["{account}"] = space.tell_account("acct-all", name="zqfirm of all")
        for row in ROWS[:16]:
            space.relate(row.who, "acct-all", relationship=row.relationship)
        _move_together(space, ROWS[:11])
        queue.offer(space.ground.desk, [_pair(one, other) for one, other in pairwise(ROWS[1:13])])
        users = logins(space)
        for reader in READERS:
            given = {"partner": reader.partner, "sight": reader.sight}
            FACTS[f"key of {reader.name}"] = space.keys.make(reader.role, reader.name, **given)[0]
            users.add(reader.name, PASSWORD, reader.role, **given)
        FACTS["{refused}"] = space.refused(limit=1)[0]["refused"]
        ROUTES.update(routes(build(space)))
    with serving(folder, "--role", "listen,web") as running:
        yield running


def _move_together(space: Space, rows: list[Row]) -> None:
    """Make one household of some customers."""
    home = [
        Belongs(space.ground.graph.digests_of(FACTS[r.who])[0], "zqhome", "consumer", MEMBER, "test", NOW)
        for r in rows
    ]
    with space.ground.desk.session() as session:
        seal, opened = (
            (lambda plain, one: space.ground.vault.seal_space(plain, LABEL, one)),
            (lambda sealed, one: b""),
        )
        put_account(session, "zqhome", About(""), NOW, seal=seal, open=opened, kind=HOUSEHOLD)
        relate(session, home, NOW)


def _pair(one: Row, other: Row) -> dict[str, object]:
    return {
        "left": FACTS[one.who], "right": FACTS[other.who], "bits": 4.0, "state": "waiting", "act": None, "note": "", "method": "test",
        "why": [{"field": "before comparing", "found": "", "bits": -9.0}], "found_at": NOW, "decided_at": None, "decided_by": None,
    }  # fmt: skip


def _paths(reader: Reader) -> list[str]:
    """Every path of the router, with each issue and row there is, and some customers, in the place of their names."""
    found = []
    customers = [FACTS[ROWS[n].who] for n in (0, 1, 10, 23)]
    for route in ROUTES.values():
        if "{issue}" in route:
            found += [
                route.replace("{issue}", f"i-{name}") for name in (*PARTNERS, "shared", "house", "german")
            ]
        elif "{customer}" in route:
            found += [route.replace("{customer}", customer) for customer in customers]
        elif "{pair}" in route:
            found += [route.replace("{pair}", str(n)) for n in (1, 4, 5)]
        elif "{account}" in route:
            found += [route.replace("{account}", account) for account in (FACTS["{account}"], "zqhome")]
        elif "{row}" in route:
            found.append(route.replace("{row}", FACTS["{refused}"]))
        elif "{" not in route and "*" not in route and "_nicegui" not in route:
            found.append(route)
    more = (
        "/issues?view=all",
        "/issues?view=settled",
        "/cases?department=logistics",
        "/api/issues?state=open",
    )
    fixed = (row["path"] for row in TABLE if row["method"] == "GET" and "{" not in row["path"])
    return [*found, *more, "/trust?by=relationship", "/api/trust?by=relationship", *fixed]


def _not_for(reader: Reader) -> list[str]:
    hidden = [row for row in ROWS if not reader.sees(row)]
    words = [word for row in hidden for word in (row.word, row.extra)]
    if reader.masked:
        # What an issue is called is told to whoever sees issues: it is made of words that many share.
        words.append("zqfirm")
        return [w for w in words if w != ROWS[-1].word and w not in {r.word for r in _titled()}]
    words += [FACTS[row.who] for row in hidden]
    if reader.partner is None:
        return [*words, *(["77771234", "77,771,234"] if reader.sight == "people" else [])]
    others = [p for p in PARTNERS if p != reader.partner]
    words += [*others, *(f"i-{p}" for p in others), *([] if reader.partner in PARTNERS[:2] else ["i-shared"])]
    return [*words, "zqinsider", "zqnote", "i-house", "77771234", "77,771,234", "zqrefused"]


def _titled() -> list[Row]:
    return [ROWS[-1], ROWS[3::4][-1], [r for r in ROWS if BY_NAME["german-cio"].sees(r)][-1]]


def _in(client: httpx.Client, reader: Reader, way: str) -> None:
    if way == "key":
        client.headers["Authorization"] = f"Bearer {FACTS[f'key of {reader.name}']}"
    else:
        answer = client.post("/login", data={"name": reader.name, "password": PASSWORD})
        assert answer.status_code == 303


WALKS = [
    *((name, "log-in") for name in ("swiftlane", "german-cio", "german-agent", "hr", "agent", "analyst")),
    *((reader.name, "key") for reader in READERS),
]


@pytest.mark.parametrize(("name", "way"), WALKS)
def test_no_route_tells_anybody_what_is_outside_their_sight(server: Server, name: str, way: str) -> None:
    reader, leaks, opened = BY_NAME[name], {}, 0
    with httpx.Client(base_url=server.url, timeout=60) as client:
        _in(client, reader, way)
        secrets = _not_for(reader)
        # A key opens pages too, by the same checks: what it is for is walked whole, of the pages some.
        for path in dict.fromkeys(_paths(reader)):
            if way == "key" and not path.startswith(("/api", "/metrics", "/issues/i-Postwing", "/customers")):
                continue
            for method in ("GET", "POST") if path in POSTED and way == "key" else ("GET",):
                answer = client.request(method, path, **({"json": {}} if method == "POST" else {}))
                opened += answer.status_code == 200
                held = [word for word in secrets if word in answer.text and word not in path]
                if held:
                    leaks[f"{method} {path}"] = held
    assert leaks == {}
    assert opened > 12


def _get(server: Server, name: str, path: str) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {FACTS[f'key of {name}']}"}
    answer = httpx.get(f"{server.url}{path}", headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("name", ["postwing", "german-cio", "hr", "agent"])
def test_everybody_reads_their_own_signals_of_an_issue(server: Server, name: str) -> None:
    reader = BY_NAME[name]
    own = {row.word for row in ROWS if reader.sees(row)}
    told = _get(server, name, "/api/issues/i-Postwing")
    assert told["signals"] == len(own)
    messages = told["messages"]
    assert isinstance(messages, list) and messages
    assert all(any(word in message["text"] for word in own) for message in messages)


def test_a_partner_reads_its_own_signals_of_what_was_shared(server: Server) -> None:
    shared = _get(server, "postwing", "/api/issues/i-shared")
    assert shared["signals"] == 15 and shared["cases"] == []


def test_an_issue_wholly_within_a_sight_is_told_as_it_is(server: Server) -> None:
    told = _get(server, "german-cio", "/api/issues/i-german")
    assert str(told["title"]).startswith("Late zq") and told["score"] == 77771234.0
    part = _get(server, "german-cio", "/api/issues/i-Postwing")
    assert str(part["title"]).endswith(" - germany") and part["score"] is None


@pytest.mark.parametrize("name", ["german-cio", "hr", "agent"])
def test_everybody_finds_their_own_customers(server: Server, name: str) -> None:
    reader = BY_NAME[name]
    items = _get(server, name, "/api/customers?limit=100")["items"]
    assert isinstance(items, list)
    assert {row["customer"] for row in items} == {FACTS[row.who] for row in ROWS if reader.sees(row)}


@pytest.mark.parametrize("name", ["german-cio", "hr", "agent"])
def test_of_an_organisation_everybody_finds_their_own_customers(server: Server, name: str) -> None:
    reader = BY_NAME[name]
    for account, rows in ((FACTS["{account}"], ROWS[:16]), ("zqhome", ROWS[:11])):
        kind = "employee" if reader.sight == "people" and account == "zqhome" else None
        own = {FACTS[row.who] for row in rows if reader.sees(row) and kind is None}
        headers = {"Authorization": f"Bearer {FACTS[f'key of {name}']}"}
        answer = httpx.get(f"{server.url}/api/accounts/{account}", headers=headers, timeout=60)
        if not own:
            assert answer.status_code == 404
            continue
        told = answer.json()
        assert {person["customer"] for person in told["people"]} == own and told["customers"] == len(own)


def test_figures_over_everybody_are_for_those_who_see_every_kind_of_row(server: Server) -> None:
    for name, expected in (("agent", 200), ("german-cio", 403), ("hr", 403)):
        headers = {"Authorization": f"Bearer {FACTS[f'key of {name}']}"}
        with httpx.Client(base_url=server.url, timeout=60) as client:
            client.post("/login", data={"name": name, "password": PASSWORD})
            assert client.get("/trust").status_code == expected
        found = httpx.get(f"{server.url}/api/topics", headers=headers, timeout=60).json()["items"]
        assert bool(found) is (expected == 200)


def test_who_is_shown_no_text_is_told_that_it_is_hidden(server: Server) -> None:
    messages = _get(server, "engineer", "/api/issues/i-Postwing")["messages"]
    assert isinstance(messages, list)
    assert {message["text"] for message in messages} == {"hidden"}
