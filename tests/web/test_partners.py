"""Every route, walked with a partner's key and log-in: no answer holds anything of another partner's, or of the company's own."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.serving import Server, serving
from tests.web.routed import routes
from tests.web.world import NOW, PASSWORD

from allears.act import issue as issue_desk
from allears.act.case import open_cases
from allears.act.clocks import Clocks
from allears.act.route import default_rules
from allears.space import Space
from allears.tables import TABLES
from allears.web.app import build

PARTNERS = ("Postwing", "Swiftlane", "Cargomere")
TABLE = list(csv.DictReader((Path(__file__).parent / "routes.csv").read_text("utf-8").splitlines()))
POSTED = {row["path"] for row in TABLE if row["method"] == "POST" and row["path"].startswith("/api/")}
FACTS: dict[str, str] = {}
SECRETS: dict[str, list[str]] = {}
ROUTES: dict[str, str] = {}


def _rows() -> Iterator[dict[str, object]]:
    for number in range(60):
        partner = (*PARTNERS, None)[number % 4]
        word = f"zq{number:03d}xv"
        SECRETS.setdefault(partner or "the company", []).append(word)
        row: dict[str, object] = {
            "signal_id": word,
            "occurred_at": (NOW - timedelta(hours=number + 1)).isoformat(),
            "text": f"My parcel {word} never came, this is a shame",
            "channel": "chat",
            "service": f"svc-{word}",
            "identifiers": {"user_id": f"u{number % 4}"},
        }
        yield row | ({"partner": partner} if partner else {})


def _issue(name: str, partner: str | None, members: list[int]) -> dict[str, object]:
    words = [f"zq{m:03d}xv" for m in members]
    return {
        "issue": name, "title": f"Late {words[-1]} at {partner}", "kind": "issue", "topics": ["delivery/late"],
        "facets": f'{{"partner": "{partner}"}}' if partner else f'{{"service": "svc-{words[0]}"}}', "terms": words[:3],
        "exemplars": [f"desk:{w}" for w in words[:5]], "signal_ids": [f"desk:{w}" for w in words], "first_signal_at": NOW - timedelta(days=3),
        "detected_at": NOW - timedelta(hours=2), "signals": len(words), "customers": 4, "expected": 3.0, "growth": 2.0, "score": 77771234.0,
        "factors": '{"burst": 77771234.0}', "method": "test",
    }  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("partners") / "acme"
    with Space.open(folder) as space:
        space.hear(list(_rows()), source="desk")
        space.hear([{"text": "zqrefused", "rating": 99, "rating_scale": "nps-0-10"}], source="till")
        space.digest(look=False)
        issues = [_issue(f"i-{p}", p, list(range(60))) for p in PARTNERS]
        issues += [_issue("i-shared", None, list(range(60))), _issue("i-house", None, list(range(3, 60, 4)))]
        changes = issue_desk.record(space.ground.desk, TABLES["issues"].rows(issues), at=NOW)
        open_cases(space.ground.desk, changes, default_rules(), Clocks.default(), NOW)
        for change in changes:
            issue_desk.acknowledge(space.ground.desk, change.id, "user:zqinsider", NOW, "zqnote of staff")
        for partner in PARTNERS[:2]:
            space.share("i-shared", partner)
        for partner in PARTNERS:
            FACTS[partner] = space.keys.make("partner", partner, partner=partner)[0]
            space.logins.add(partner.lower(), PASSWORD, "partner", partner=partner)
        FACTS["everybody"] = " ".join(row["customer"] for row in space.customers())
        FACTS["{known}"] = space.customers(limit=1)[0]["customer"]
        FACTS["{refused}"] = space.refused(limit=1)[0]["refused"]
        ROUTES.update(routes(build(space)))
    SECRETS["the company"] += [
        "zqrefused",
        "zqinsider",
        "zqnote",
        "i-house",
        "77771234",
        "77,771,234",
        *FACTS["everybody"].split(),
    ]
    with serving(folder, "--role", "listen,web") as running:
        yield running


def _paths() -> list[str]:
    """Every path of the router, with each issue, customer and row there is in the place of its names."""
    found = []
    for route in ROUTES.values():
        if "{issue}" in route:
            found += [route.replace("{issue}", f"i-{name}") for name in (*PARTNERS, "shared", "house")]
        elif "{customer}" in route:
            found.append(route.replace("{customer}", FACTS["{known}"]))
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
    return [
        *found,
        *more,
        *(row["path"] for row in TABLE if row["method"] == "GET" and "{" not in row["path"]),
    ]


def _not_its_own(partner: str) -> list[str]:
    others = [p for p in PARTNERS if p != partner]
    words = [word for whose, found in SECRETS.items() if whose != partner for word in found]
    return [*words, *others, *(f"i-{p}" for p in others), *([] if partner in PARTNERS[:2] else ["i-shared"])]


@pytest.mark.parametrize(
    ("partner", "way"), [("Postwing", "key"), ("Swiftlane", "log-in"), ("Cargomere", "key")]
)
def test_no_route_tells_a_partner_what_is_not_its_own(server: Server, partner: str, way: str) -> None:
    leaks, opened = {}, 0
    with httpx.Client(base_url=server.url, timeout=60) as client:
        if way == "key":
            client.headers["Authorization"] = f"Bearer {FACTS[partner]}"
        else:
            answer = client.post("/login", data={"name": partner.lower(), "password": PASSWORD})
            assert answer.status_code == 303
        for path in dict.fromkeys(_paths()):
            for method in ("GET", "POST") if path in POSTED and way == "key" else ("GET",):
                answer = client.request(method, path, **({"json": {}} if method == "POST" else {}))
                opened += answer.status_code == 200
                held = [word for word in _not_its_own(partner) if word in answer.text and word not in path]
                if held:
                    leaks[f"{method} {path}"] = held
    assert leaks == {}
    assert opened > 15


def test_a_partner_reads_its_own_signals_of_its_issue(server: Server) -> None:
    headers = {"Authorization": f"Bearer {FACTS['Postwing']}"}
    told = httpx.get(f"{server.url}/api/issues/i-Postwing", headers=headers, timeout=60).json()
    own = {f"zq{n:03d}xv" for n in range(0, 60, 4)}
    assert told["signals"] == len(own)
    assert {word for message in told["messages"] for word in own if word in message["text"]} <= own
    assert told["messages"]
    shared = httpx.get(f"{server.url}/api/issues/i-shared", headers=headers, timeout=60).json()
    assert shared["signals"] == len(own) and shared["cases"] == []
