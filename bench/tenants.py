"""Two tenants in one PostgreSQL, each with a database, user, folder and key of its own: one tries to reach the other everywhere.

Each has words that stand nowhere else (canaries). A failure is a canary or an id of the other in an answer, an answer of
500, a key, cookie or link of the other that is let in, or a database, backup or sealed value that opens.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
from sqlalchemy import create_engine, make_url, text

from allears.act import issue as issue_desk
from allears.act.case import open_cases
from allears.act.clocks import Clocks
from allears.act.route import default_rules
from allears.errors import AllearsError
from allears.guard.access import Role
from allears.journey.backup import backup, check
from allears.know.link import queue
from allears.settings import DeskSettings, Settings, SpaceSettings
from allears.space import Space
from allears.tables import TABLES
from allears.web.app import build
from bench.attack import Attack, Failures, Tried, serving

PASSWORD = "a word of the bench, long enough"
NAMES = ("ash", "birch")


@dataclass
class Tenant:
    """A tenant: where it lives, what lets its people in, and what may stand in no answer of another's."""

    name: str
    folder: Path
    desk: str
    keys: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)

    @property
    def canary(self) -> str:
        """A word that only this tenant's data holds."""
        return f"canary{self.name}"


def cross(root: str, folder: Path, roles: Sequence[str] = ("cio", "privacy", "engineer")) -> Tried:
    """Let one tenant try everything on the other.

    Parameters
    ----------
    root
        Address of a database whose user may make users and databases.
    folder
        An empty folder for both.
    roles
        Whose keys are tried on every path.

    Returns
    -------
    Tried
        How many cases were tried, and what went wrong.
    """
    ash, birch = (_tenant(name, _database(root, name), folder / name) for name in NAMES)
    failures, cases = Failures(), 0
    with Space.open(ash.folder) as space:
        paths = sorted(set(_paths(space)))
    with serving(ash.folder, folder / "log") as url:
        for role in roles:
            with Attack(url, failures, authorization=f"Bearer {ash.keys[role]}") as attack:
                for path in paths:
                    for id_ in birch.ids.values():
                        _ask(attack, path, id_, birch, failures)
                for text_ in (birch.ids["email"], birch.canary, birch.ids["customer"]):
                    for place in ("/api/customers?search=", "/customers?search="):
                        _ask(attack, place + "{x}", text_, birch, failures)
            cases += attack.cases
        cases += _strangers(url, birch, failures)
    if (folder / "log").exists() and birch.canary in (folder / "log").read_text("utf-8", "replace"):
        failures.append("the log of one names the other's data")
    cases += _behind(ash, birch, failures)
    return Tried("two tenants in one PostgreSQL", cases, failures)


def _database(root: str, name: str) -> str:
    engine = create_engine(root, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for line in (
            f"CREATE ROLE tenant_{name} LOGIN",
            f"CREATE DATABASE tenant_{name} OWNER tenant_{name}",
            f"REVOKE CONNECT ON DATABASE tenant_{name} FROM PUBLIC",
        ):
            connection.execute(text(line))
    engine.dispose()
    own = make_url(root).set(username=f"tenant_{name}", database=f"tenant_{name}")
    return own.render_as_string(hide_password=False)


def _tenant(name: str, desk: str, folder: Path) -> Tenant:
    made = Tenant(name, folder, desk)
    settings = Settings(space=SpaceSettings(name=name), desk=DeskSettings(url=desk))
    with Space.open(folder, settings=settings) as space:
        _fill(space, made)
        for role in Role:
            made.keys[role] = space.keys.make(
                role, role, partner=made.canary if role is Role.PARTNER else None
            )[0]
        space.logins.add("cio", PASSWORD, "cio")
    return made


def _fill(space: Space, tenant: Tenant) -> None:
    now, word = datetime.now(UTC), tenant.canary
    rows = [
        {
            "signal_id": f"{word}{n}", "occurred_at": (now - timedelta(hours=n + 1)).isoformat(), "partner": word, "channel": "chat",
            "thread": f"{word}-thread", "text": f"My {word} parcel is late", "identifiers": {"email": f"{word}{n % 5}@example.com"},
        }
        for n in range(20)
    ]  # fmt: skip
    space.hear(rows, source=word)
    space.hear([{"text": word, "rating": 99, "rating_scale": "nps-0-10"}], source=word)
    space.digest(look=False)
    found = [_issue(word, now, [f"{word}:{word}{n}" for n in range(20)])]
    changes = issue_desk.record(space.ground.desk, TABLES["issues"].rows(found), at=now)
    cases = open_cases(space.ground.desk, changes, default_rules(), Clocks.default(), now)
    one, other = (space.customer(f"{word}{n}@example.com").id for n in (1, 2))
    queue.offer(space.ground.desk, [_pair(one, other, word, now)])
    space.add_channel(word, "zendesk", f"{word} secret")
    space.hold(other, why=word)
    request = space.request(one, "access", via=word, note=word)
    people = space.ground.folder / "people.csv"
    people.write_text(f"email\n{word}3@example.com\n", "utf-8")
    tenant.links = [row["link"] for row in space.ask(space.surveys.names()[0], str(people))[1]]
    people.unlink()
    tenant.ids = {
        "customer": one, "email": f"{word}1@example.com", "issue": f"{word}issue", "case": cases[0].id if cases else word, "request": request,
        "refused": space.refused(limit=1)[0]["refused"], "source": word,
    }  # fmt: skip


def _issue(word: str, now: datetime, ids: list[str]) -> dict[str, object]:
    return {
        "issue": f"{word}issue", "title": f"Late {word} parcels", "kind": "issue", "topics": ["delivery/late"], "facets": f'{{"partner": "{word}"}}',
        "terms": [word], "exemplars": ids[:2], "signal_ids": ids, "first_signal_at": now - timedelta(days=2), "detected_at": now - timedelta(days=1),
        "signals": len(ids), "customers": 5, "expected": 3.0, "growth": 2.0, "score": 30.0, "factors": '{"burst": 5.0}', "method": "bench",
    }  # fmt: skip


def _pair(one: str, other: str, word: str, now: datetime) -> dict[str, object]:
    return {
        "left": one, "right": other, "bits": 4.0, "state": "waiting", "act": None, "note": word, "method": "bench", "found_at": now,
        "why": [{"field": "name", "found": "the same", "bits": 6.0}], "decided_at": None, "decided_by": None,
    }  # fmt: skip


def _paths(space: Space) -> Iterator[str]:
    """Give each path of the application that names something."""
    for path in build(space).openapi()["paths"]:
        if "{" in path:
            yield path
    # Pages are in no description.
    yield from (
        "/issues/{x}", "/customers/{x}", "/customers/links/{x}", "/customers/segments/{x}", "/ask/{x}", "/ask/open/{x}", "/once/{x}",
        "/channels/refused?source={x}", "/api/refused?source={x}", "/api/moves?decision={x}", "/api/cases?state={x}",
    )  # fmt: skip


def _ask(attack: Attack, path: str, id_: str, other: Tenant, failures: Failures) -> None:
    asked = re.sub(r"\{[^}]*\}", id_, path)
    for method in ("GET", "POST") if path.startswith(("/api/refused/", "/hooks/")) else ("GET",):
        answer = attack.send(path, method, asked, json={"why": "to see"} if method == "POST" else None)
        # What was asked for may be said back; anything else of theirs may not.
        told = answer.text if answer is not None else ""
        for said in (asked, quote(id_), quote(id_, safe=""), id_):
            told = told.replace(said, "")
        if other.canary in told or any(known in told for known in other.ids.values() if len(known) > 8):
            failures.append(f"{method} {path} answers with the other's data")


def _strangers(url: str, other: Tenant, failures: Failures) -> int:
    """Try the other's keys, cookie and links."""
    cases = 0
    for role, key in other.keys.items():
        for path in ("/api/issues", "/api/trust", "/issues", "/signals", "/v1/batch"):
            method = "POST" if path in ("/signals", "/v1/batch") else "GET"
            answer = httpx.request(
                method,
                url + path,
                headers={"authorization": f"Bearer {key}"},
                json=[] if method == "POST" else None,
            )
            cases += 1
            if answer.status_code not in (401, 403, 303):
                failures.append(f"{method} {path} lets in the other's key of {role}: {answer.status_code}")
    with (
        serving(other.folder, other.folder.parent / "log") as theirs,
        httpx.Client(base_url=theirs) as client,
    ):
        client.post("/login", data={"name": "cio", "password": PASSWORD})
        cookies = {name: value for name, value in client.cookies.items() if value}
        if client.get("/issues").status_code != 200:
            failures.append("the other's own cookie does not work at home: nothing was tried")
    for path in ("/", "/issues", f"/issues/{other.ids['issue']}", "/api/issues"):
        answer = httpx.get(url + path, headers={"cookie": "; ".join(f"{n}={v}" for n, v in cookies.items())})
        cases += 1
        if answer.status_code == 200:
            failures.append(f"GET {path} lets in the other's cookie")
    for link in other.links:
        answer = httpx.get(url + "/" + link.split("/", 3)[-1])
        cases += 1
        if answer.status_code == 200 and "<form" in answer.text:
            failures.append("a survey link of the other opens")
    return cases


def _behind(ours: Tenant, other: Tenant, failures: Failures) -> int:
    """Try what needs no server: the other's database, lake, backup and sealed values."""
    cases = 0

    def must_fail(what: str, code: int) -> None:
        nonlocal cases
        cases += 1
        if code == 0:
            failures.append(what)

    def opens(desk: str) -> int:
        broken = ours.folder.parent / "broken"
        shutil.copytree(ours.folder, broken, ignore=shutil.ignore_patterns("*.lock", "scratch"))
        (broken / "allears.toml").write_text(
            (broken / "allears.toml").read_text("utf-8").replace(ours.desk, desk), "utf-8"
        )
        try:
            Space.open(broken, create=False).close()
        except AllearsError:
            return 1
        finally:
            shutil.rmtree(broken)
        return 0

    theirs = make_url(other.desk)
    must_fail("their database opens under our key", opens(other.desk))
    must_fail(
        "their database lets our user in",
        opens(theirs.set(username=make_url(ours.desk).username).render_as_string()),
    )
    with Space.open(other.folder) as space:
        backup(space.ground, other.folder.parent / "their.backup")
        sealed = space.ground.vault.seal_space(b"a secret", "destination", "x")
    try:
        check(other.folder.parent / "their.backup", ours.folder / "space.key")
        must_fail("their backup opens with our key", 0)
    except AllearsError:
        cases += 1
    with Space.open(ours.folder) as space:
        try:
            space.ground.vault.open_space(sealed, "destination", "x")
            must_fail("their sealed value opens with our key", 0)
        except (AllearsError, ValueError):
            cases += 1
        lake = other.folder / "lake" / "signals"
        reads = (
            f"SELECT * FROM read_parquet('{lake}/**/*.parquet')", f"SELECT * FROM delta_scan('{lake}')", f"SELECT * FROM '{lake}'",
            f"ATTACH '{other.desk}' AS other (TYPE postgres)", "INSTALL postgres", f"COPY signals FROM '{lake}'",
            "SELECT * FROM pg_catalog.pg_tables", "SELECT current_setting('secret_directory')",
        )  # fmt: skip
        for read in reads:
            try:
                told = str(space.sql(read, seconds=3.0).slice(0, 50).to_pylist())
            except AllearsError:
                told = ""
            cases += 1
            if other.canary in told:
                failures.append("a statement read the other's rows")
        keys = {
            entry["key"]
            for entry in space.sql("SELECT DISTINCT customer_key AS key FROM signals").to_pylist()
        }
    with Space.open(other.folder) as space:
        both = {
            entry["key"]
            for entry in space.sql("SELECT DISTINCT customer_key AS key FROM signals").to_pylist()
        }
    must_fail("the same person has the same key in both", 0 if keys & both - {None} else 1)
    return cases
