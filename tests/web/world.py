"""A small space with invented people, one issue of a partner, one of nobody's, and a message that attacks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from argon2 import PasswordHasher

from allears.act import issue as issue_desk
from allears.act.case import open_cases
from allears.act.clocks import Clocks
from allears.act.route import default_rules
from allears.desk.work import Move
from allears.guard.login import Logins
from allears.know.link import queue
from allears.listen.mapping import read_mapping
from allears.space import Space
from allears.tables import TABLES

PASSWORD = "correct horse battery"
ROLES = ("cio", "analyst", "agent", "engineer", "privacy", "partner")
ATTACK = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script> ${7*7} `x` {{7*7}} My parcel never came'
NOW = datetime.now(UTC)


def logins(space: Space) -> Logins:
    """Give the users of a space, whose passwords are hashed quickly: checking one takes as long as its hash says."""
    return Logins(space.ground.desk, hasher=PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def make_space(folder: Path) -> None:
    """Fill a new space and add a user of each role, called like it."""
    with Space.open(folder) as space:
        rows = [
            {
                "signal_id": f"m{i}",
                "occurred_at": (NOW - timedelta(hours=3 * i + 1)).isoformat(),
                "partner": "Postwing",
                "text": ATTACK if i % 5 == 0 else f"Parcel number {i} is late again, what a pity",
                "channel": ("chat", "email", "social")[i % 3],
                "identifiers": {"user_id": f"u{i % 12}"},
            }
            for i in range(60)
        ]
        rows.append(
            {
                "signal_id": "mail",
                "occurred_at": NOW.isoformat(),
                "text": "And another thing",
                "channel": "email",
                "identifiers": {"email": "ada@example.com"},
            }
        )
        space.hear(rows, source="desk")
        bad = {"text": ATTACK, "rating": 99, "rating_scale": "nps-0-10"}
        space.hear([bad | {"signal_id": f"bad{i}"} for i in range(30)], source="till")
        space.hear([{"text": ATTACK, "channel": "pigeon"}], source="loft")
        (space.ground.folder / "forum.jsonl").write_text(
            '{"id": 1, "said": "hm", "by": "Bo", "at": "2026-05-04"}\n'
        )
        wrong = read_mapping('id = "id"\ntext = "said"\noccurred_at = "by"\n')
        space.listen(space.ground.folder / "forum.jsonl", source="forum", mapping=wrong)
        space.digest(look=False)
        changes = issue_desk.record(
            space.ground.desk,
            TABLES["issues"].rows([_issue("i-own", "Postwing"), _issue("i-other", None), _silence()]),
            at=NOW,
        )
        open_cases(space.ground.desk, changes, default_rules(), Clocks.default(), NOW)
        with space.ground.desk.session() as session:
            session.add_all(_proposed())
        queue.offer(
            space.ground.desk,
            [_pair(space, *who) for who in (("u1", "ada@example.com"), ("u3", "ada@example.com"))],
        )
        users = logins(space)
        for role in ROLES:
            users.add(role, PASSWORD, role, partner="Postwing" if role == "partner" else None)


def _proposed() -> list[Move]:
    names = ("m1", "m2")
    return [
        Move(
            id=name, decision="d1", playbook="tell-the-exposed", customer=f"c_{name}", issue="i-own", action="message", target="we-know",
            contacts=True, state="proposed", at=NOW, due_at=NOW, why="tell-the-exposed: issue opened",
        )
        for name in names
    ]  # fmt: skip


def _pair(space: Space, one: str, other: str) -> dict[str, object]:
    found = (
        ("before comparing", "how rare one person twice is", -9.0),
        ("name", "nearly the same", 6.0),
        ("birth", "the same", 8.0),
        ("email", "different", -1.0),
    )
    return {
        "left": space.customer(one).id, "right": space.customer(other).id, "bits": 4.0, "state": "waiting", "act": None, "note": "", "method": "test",
        "why": [{"field": field, "found": word, "bits": bits} for field, word, bits in found], "found_at": NOW, "decided_at": None, "decided_by": None,
    }  # fmt: skip


def _silence() -> dict[str, object]:
    return {
        "issue": "i-quiet", "title": "Nothing arrives from desk", "kind": "issue", "topics": ["listening/silence"], "facets": '{"source": "desk"}',
        "terms": [], "exemplars": [], "signal_ids": [], "first_signal_at": NOW - timedelta(hours=20), "detected_at": NOW - timedelta(hours=8),
        "signals": 0, "customers": 0, "expected": 12.0, "growth": 0.0, "score": 12.0, "factors": "{}", "method": "test",
    }  # fmt: skip


def _issue(name: str, partner: str | None) -> dict[str, object]:
    ids = [f"m{i}" for i in range(0, 30, 1 if partner else 2)]
    return {
        "issue": name, "title": f"Late parcels {ATTACK[:25]} {partner or 'everywhere'}", "kind": "issue", "topics": ["delivery/late"],
        "facets": '{"partner": "Postwing"}' if partner else "{}", "terms": ["late"], "exemplars": ["desk:m0", "desk:m1", "m0", "m1"],
        "signal_ids": [*ids, *(f"desk:{i}" for i in ids)], "first_signal_at": NOW - timedelta(days=3), "detected_at": NOW - timedelta(days=2),
        "signals": len(ids), "customers": 12, "expected": 3.0, "growth": 2.0, "score": 30.0, "factors": '{"burst": 5.0, "breadth": 6.0}', "method": "test",
    }  # fmt: skip
