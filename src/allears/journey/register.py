"""The register of processing (article 30): generated from what is configured and stored. What nobody configured says "not stated"."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select

from allears.act.decide import purpose_of
from allears.act.playbook import Wait
from allears.desk.access import ApiKey, User
from allears.desk.identity import Identifier, Profile
from allears.desk.listening import Source
from allears.guard.access import Role
from allears.guard.purpose import PURPOSES
from allears.guard.stated import NOT_STATED, Extra, Recipient
from allears.journey import playbooks, rules
from allears.journey.ground import Ground
from allears.journey.renewing import ages

VERSION = "register 1"
CLASSES = ("signals", "texts", "originals", "refused", "invitations", "deliveries")


def register(ground: Ground) -> dict[str, Any]:
    """Gather it; no value of anybody is in it.

    Returns
    -------
    dict
        ``controller``, ``purposes``, ``people``, ``data``, ``sources``, ``recipients``, ``retention``, ``measures``, ``not_stated`` (which
        entries nobody stated), ``company``, ``made_at``, ``version``.
    """
    stated = rules.stated(ground)
    controller = {
        name: getattr(stated.controller, name) or NOT_STATED for name in stated.controller.__struct_fields__
    }
    told: dict[str, Any] = {
        "company": ground.settings.space.name,
        "made_at": ground.clock.now(),
        "version": VERSION,
        "controller": controller,
        "purposes": _purposes(ground, stated.purpose),
        "people": _people(ground),
        "data": _data(ground),
        "sources": _sources(ground),
        "recipients": _recipients(ground, stated.recipient),
        "retention": _retention(ground),
        "measures": _measures(ground) + [{"measure": m, "from": "stated"} for m in stated.measures],
    }
    missing = [f"controller: {name}" for name, value in controller.items() if value == NOT_STATED]
    missing += [
        f"recipient {r['name']}: {name}"
        for r in told["recipients"]
        for name in ("who", "does", "country", "safeguard")
        if r[name] == NOT_STATED
    ]
    return told | {"not_stated": missing}


def _purposes(ground: Ground, extra: dict[Any, Extra]) -> list[dict[str, Any]]:
    acting: dict[str, set[str]] = defaultdict(set)
    for playbook in playbooks.switched_on(ground):
        for action in playbook.then:
            if not isinstance(action, Wait):
                acting[purpose_of(action)].add(playbook.name)
    uses = rules.purposes(ground)
    return [
        {
            "purpose": purpose,
            "on": uses[purpose].on,
            "basis": uses[purpose].basis,
            "says": uses[purpose].says,
            "sources": list(uses[purpose].sources),
            "playbooks": sorted(acting[purpose]),
            "people": extra.get(purpose, Extra()).people or "see People",
            "data": extra.get(purpose, Extra()).data or "see Data",
            "note": extra.get(purpose, Extra()).note,
        }
        for purpose in PURPOSES
    ]


def _people(ground: Ground) -> list[dict[str, Any]]:
    whose = select(Identifier.customer, func.max(Identifier.relationship).label("is_a")).group_by(
        Identifier.customer
    )
    each = whose.subquery()
    with ground.desk.reading() as session:
        rows = session.execute(select(each.c.is_a, func.count()).group_by(each.c.is_a).order_by(each.c.is_a))
        found = [{"category": f"{kind}s", "n": n} for kind, n in rows]
        staff = session.scalar(select(func.count()).where(User.disabled_at.is_(None))) or 0
    return [*found, {"category": "people who log in here", "n": staff}]


def _data(ground: Ground) -> list[dict[str, Any]]:
    rows = ground.engine.query(
        """SELECT kind, channel, count(*) AS n, count(sealed) AS originals FROM signals GROUP BY ALL
           ORDER BY kind, n DESC, channel"""
    ).to_pylist()
    found = [
        {"category": f"{r['kind']} by {r['channel'] or 'no channel'}", "n": r["n"], "kept": "redacted; original sealed" if r["originals"] else "redacted"}
        for r in rows
    ]  # fmt: skip
    with ground.desk.reading() as session:
        kinds = session.execute(
            select(Identifier.type, func.count()).group_by(Identifier.type).order_by(Identifier.type)
        )
        found += [
            {"category": f"identifier: {kind}", "n": n, "kept": "as a keyed digest"} for kind, n in kinds
        ]
        told = session.scalar(select(func.count()).select_from(Profile)) or 0
    return [*found, {"category": "profile: what people told of themselves", "n": told, "kept": "sealed"}]


def _sources(ground: Ground) -> list[dict[str, Any]]:
    with ground.desk.reading() as session:
        rows = session.scalars(select(Source).order_by(Source.name)).all()
    return [
        {"source": r.name, "signals": r.stored, "first_at": r.first_at, "last_at": r.last_at} for r in rows
    ]


def _recipients(ground: Ground, stated: dict[str, Recipient]) -> list[dict[str, Any]]:
    found = [
        (d["name"], f"{d['kind']} to {urlsplit(d['url']).hostname or d['url'].partition(':')[0]}", ", ".join(d["events"]) or "every event")
        for d in ground.outbox.destinations()
    ]  # fmt: skip
    partners = select(User.partner).where(User.partner.is_not(None), User.disabled_at.is_(None)).distinct()
    keys = select(ApiKey.partner).where(ApiKey.role == Role.PARTNER, ApiKey.revoked_at.is_(None)).distinct()
    with ground.desk.reading() as session:
        firms = sorted({str(p) for p in (*session.scalars(partners), *session.scalars(keys)) if p})
    found += [(firm, "partner, by log-in or key", "its own issues and cases") for firm in firms]
    seen = {name for name, _, _ in found}
    found += [(name, "outside of Allears", NOT_STATED) for name in sorted(stated) if name not in seen]
    return [
        {"name": name, "way": way, "gets": gets}
        | {field: getattr(stated.get(name, Recipient()), field) or NOT_STATED for field in Recipient.__struct_fields__}
        for name, way, gets in found
    ]  # fmt: skip


def _retention(ground: Ground) -> list[dict[str, Any]]:
    periods = [
        {"what": k.what, "of": ", ".join(filter(None, (k.source, k.channel))) or "all", "days": k.days}
        for k in rules.retention(ground).keep
    ]
    named = {p["what"] for p in periods if p["of"] == "all"}
    kept = [{"what": what, "of": "all others" if any(p["what"] == what for p in periods) else "all", "days": None}
            for what in CLASSES if what not in named]  # fmt: skip
    return periods + kept


def _measures(ground: Ground) -> list[dict[str, Any]]:
    guard, layers = ground.settings.guard, {one["layer"]: one for one in ages(ground)}
    factor = ", ".join(guard.second_factor) or "no role"
    four = (
        "nothing"
        if guard.four_eyes_above < 0
        else f"exports and erasing of more than {guard.four_eyes_above:,} people"
    )
    told = [
        f"texts are redacted before anything reads them, level {guard.level}",
        "originals and profiles are sealed with AES-256-GCM under a key of each customer; destroying it erases",
        f"the space's key comes from: {layers['space']['from']}",
        "identifiers are kept as keyed digests only",
        f"roles and scopes; a second factor is demanded of: {factor}",
        f"log-ins end after {guard.session_hours} h, or {guard.session_idle_minutes} min without an act",
        f"two people agree on: {four}",
        "an audit that shows tampering; its heads are "
        + ("noted outside too" if guard.heads_file else "not noted outside"),
        "each use names its purpose and is decided at that moment; objections and restrictions count at once",
    ]
    return [{"measure": line, "from": "configured"} for line in told]
