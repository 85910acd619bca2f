"""Aliases: no table that keeps something about people can be joined with another, or with who is who, by whoever has the database alone."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, select
from tests.journey.aliased import NOW, PEOPLE, aliased_tables, as_before, fill, mail, open_space

from allears.desk import Base, Desk
from allears.desk.asking import Invitation
from allears.desk.consent import ConsentWord
from allears.desk.listening import Mark
from allears.errors import NotAllowed, Refused
from allears.guard import aliases
from allears.guard.access import Principal, Role
from allears.guard.consent import Word, history
from allears.guard.purpose import Purpose
from allears.guard.space_key import SpaceKey
from allears.guard.standings import Standings
from allears.guard.vault import Vault
from allears.journey import access, renewing
from allears.journey.backup import backup
from allears.journey.restoring import restore
from allears.space import Space

ROOT = Path(__file__).resolve().parents[2]
WHO, WORK, NOBODY = "who is who", "work about customers", ""
# What each table is kept for. Tables of one purpose may be joined; "" keeps nothing about people.
PURPOSES = {
    "consent_words": "consent",
    "invitations": "asking",
    "legal_holds": "holding",
    "restrictions": "restricting",
    "rights_requests": "requests by right",
    "deliveries": "telling others",
    "identifiers": WHO, "identity_edges": WHO, "identity_history": WHO, "identity_acts": WHO, "identity_aparts": WHO, "identity_profiles": WHO,
    "identity_probable": WHO, "relations": WHO, "accounts": WHO, "identity_revision": WHO,
    # Their customer is known by an id, which is half a digest: who works for a customer knows whom it is about.
    "cases": WORK, "case_events": WORK, "moves": WORK, "issues": WORK, "issue_signals": WORK, "issue_events": WORK,
    "verdicts": WORK, "segment_stays": WORK, "broken_glass": WORK, "receipts": WORK, "subject_keys": WORK, "destroyed_keys": WORK,
} | dict.fromkeys(
    (
        "done_erasures", "approvals", "shares", "breaches", "breach_notes", "redaction_judgements", "destinations", "models", "marks",
        "tallies", "refused", "sources", "source_hours", "source_fields", "leases", "digest_news", "amendments", "api_keys", "users", "recovery_codes",
        "login_sessions", "failed_logins", "audit_entries", "audit_nodes", "audit_heads", "space_secrets", "hooks", "pulls",
    ), NOBODY,
)  # fmt: skip
NAME = re.compile(r"(?<![0-9a-f])(?:c_)?([0-9a-f]{16}|[0-9a-f]{32})(?![0-9a-f])")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("databases")() if request.param == "postgresql" else None


@pytest.fixture
def filled(url: str | None, tmp_path: Path) -> Iterator[Space]:
    with open_space(tmp_path / "shop", url) as space:
        fill(space, tmp_path)
        yield space


def raw(desk: Desk) -> dict[str, str]:
    """Give every table as it lies in the database, each as one text; blobs as hexadecimal."""
    found = {}
    with desk.engine.connect() as connection:
        there = inspect(connection).get_table_names()  # a desk of before has fewer
        for table in Base.metadata.sorted_tables:
            if table.name not in there:
                continue
            rows = connection.exec_driver_sql(f'SELECT * FROM "{table.name}"').all()
            found[table.name] = "\n".join(
                sorted(
                    " ".join(v.hex() if isinstance(v, bytes | memoryview) else str(v) for v in row)
                    for row in rows
                )
            )
    return found


def names(content: str) -> set[str]:
    """Find what may name somebody: 16 hexadecimal digits or 32, by their first 16, so that half a digest is found in a whole one."""
    return {match[:16] for match in NAME.findall(content)}


def test_no_two_tables_of_different_purposes_share_a_name_of_anybody(filled: Space) -> None:
    found = raw(filled.ground.desk)
    assert found.keys() == PURPOSES.keys(), "a new table says here what it is kept for"
    for table in aliased_tables():
        assert names(found[table.name]), f"{table.name} is filled"
        assert PURPOSES[table.name] not in (WHO, WORK, NOBODY)
    assert len({PURPOSES[t.name] for t in aliased_tables()}) == len(aliased_tables())
    by_purpose: dict[str, set[str]] = defaultdict(set)
    for table, content in found.items():
        if PURPOSES[table]:
            by_purpose[PURPOSES[table]] |= names(content)
    # Work is about customers, who are known by an id.
    people = by_purpose.pop(WORK) | by_purpose.pop(WHO)
    for purpose, mine in by_purpose.items():
        assert not mine & people, purpose
        for other, theirs in by_purpose.items():
            assert purpose == other or not mine & theirs, (purpose, other)
    # And no digest of anybody, in any form, anywhere but in who is who.
    with filled.ground.desk.reading() as session:
        digests = set(session.scalars(select(Base.metadata.tables["identifiers"].c.digest)))
    assert len(digests) > 2 * PEOPLE
    for table, content in found.items():
        if PURPOSES[table] != WHO:
            assert not [d for d in digests if d in content], table


def test_the_name_of_a_word_cannot_be_worked_out_from_who_somebody_is(filled: Space) -> None:
    """The digests of all identifiers, and all else that stands beside a word, do not lead to its name."""
    desk = filled.ground.desk
    content = raw(desk)["consent_words"]
    with desk.reading() as session:
        rows = list(session.scalars(select(ConsentWord)))
    words: dict[str, list[ConsentWord]] = defaultdict(list)
    for row in rows:
        words[row.word].append(row)
    for name, said in words.items():
        one = said[0]
        word = Word(
            tuple(r.digest for r in said), one.purpose, one.state, one.said_at, one.source, "", one.version
        )  # type: ignore[arg-type]
        assert word.name == name, "this is how it is worked out"
        assert name not in content
    told = {row["word"] for row in history(desk, [r.digest for r in rows])}
    assert told == {line.split()[1] for line in content.splitlines()}


def test_ids_of_signals_do_not_lead_to_invitations(filled: Space) -> None:
    with filled.ground.desk.reading() as session:
        asked = list(session.scalars(select(Invitation.id)))
    signals = filled.sql("SELECT * FROM signals").to_pylist()
    assert any(str(s["signal_id"]).startswith("asking:invitation:") for s in signals) or signals
    assert not [i for i in asked if any(i in str(signal) for signal in signals)]


def test_another_tenant_in_the_same_postgresql_knows_the_same_person_by_other_aliases(
    databases: object, tmp_path: Path
) -> None:
    contents = []
    for tenant in ("shop", "other"):
        with open_space(tmp_path / tenant, databases()) as space:  # type: ignore[operator]
            fill(space, tmp_path)
            found = raw(space.ground.desk)
            contents.append({t.name: names(found[t.name]) for t in aliased_tables()})
    for table, mine in contents[0].items():
        assert mine and not mine & contents[1][table], table


def stood(desk: Desk, purpose: Purpose) -> tuple[list[bytes], list[int]]:
    found = Standings(desk, purpose).now()
    return found.customers.tolist(), found.states.tolist()


def state(space: Space) -> dict[str, object]:
    """Tell what all that keeps people by aliases says, in terms of people."""
    desk = space.ground.desk
    people = [mail(n) for n in range(PEOPLE)]
    consent = {
        who: [(p["purpose"], p["state"], p["since"]) for p in space.consent(who)["purposes"]]
        for who in people
    }
    officer = Principal("user:pia", Role.PRIVACY)
    gathered = {
        who: {k: access.gather(space.ground, officer, space.customer(who).id, why="test")[k] for k in ("invitations", "cases")}
        for who in people
    }  # fmt: skip
    return {
        "consent": consent,
        "everybody": {p: stood(desk, p) for p in ("marketing", "analytics", "research")},
        "coverage": [{k: v for k, v in row.items() if k != "verdict"} for row in space.consent_coverage()],
        "holds": space.holds(ended=True),
        "restrictions": space.restrictions(lifted=True),
        "requests": [{k: v for k, v in r.items() if k != "days_left"} for r in space.requests(closed=True)],
        "access": gathered,
        "rates": space.surveys.rates(),
    }


def test_what_an_earlier_version_left_under_digests_is_the_same_afterwards(
    filled: Space, url: str | None, tmp_path: Path
) -> None:
    desk = filled.ground.desk
    told, kept = state(filled), {t.name: raw(desk)[t.name] for t in aliased_tables()}
    rows = as_before(desk)
    assert rows > 20
    with desk.reading() as session:
        digests = set(session.scalars(select(Base.metadata.tables["identifiers"].c.digest)))
    for table in aliased_tables():
        assert names(raw(desk)[table.name]) & {d[:16] for d in digests}, f"{table.name} is as it was before"
    with open_space(tmp_path / "shop", url) as again:
        assert {t.name: raw(again.ground.desk)[t.name] for t in aliased_tables()} == kept
        assert state(again) == told
        # Opened once more, nothing is turned twice; neither is a word that comes again.
        assert again.import_consent(tmp_path / "words.csv").new == 0
    with open_space(tmp_path / "shop", url) as again:
        assert state(again) == told


def test_killed_while_it_turns_a_space_is_turned_once_when_it_is_opened_again(
    filled: Space, url: str | None, tmp_path: Path
) -> None:
    told, kept = state(filled), {t.name: raw(filled.ground.desk)[t.name] for t in aliased_tables()}
    as_before(filled.ground.desk)
    before = raw(filled.ground.desk)
    words = [sys.executable, "-m", "tests.journey.aliased", str(tmp_path / "shop")]
    shot = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert shot.returncode == -signal.SIGKILL, shot.stderr
    assert {t.name: raw(filled.ground.desk)[t.name] for t in aliased_tables()} == {
        t.name: before[t.name] for t in aliased_tables()
    }
    with open_space(tmp_path / "shop", url) as again:
        assert {t.name: raw(again.ground.desk)[t.name] for t in aliased_tables()} == kept
        assert state(again) == told


def test_two_processes_that_open_at_once_turn_once(filled: Space, url: str | None, tmp_path: Path) -> None:
    told = state(filled)
    as_before(filled.ground.desk)
    code = (
        "import sys; from pathlib import Path; from tests.journey.aliased import open_space\n"
        "with open_space(Path(sys.argv[1])) as space: print(space.name)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "shop")], cwd=ROOT, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for one in started:
        _, error = one.communicate()
        assert one.returncode == 0, error
    with open_space(tmp_path / "shop", url) as again:
        assert state(again) == told


def test_a_backup_made_before_is_turned_when_it_is_restored(tmp_path: Path) -> None:
    with open_space(tmp_path / "shop") as space:
        fill(space, tmp_path)
        told = state(space)
        as_before(space.ground.desk)
        backup(space.ground, tmp_path / "shop.backup")
    restore(tmp_path / "shop.backup", tmp_path / "back", tmp_path / "shop" / "space.key", [])
    with open_space(tmp_path / "back") as again:
        assert state(again) == told
        with again.ground.desk.reading() as session:
            digests = set(session.scalars(select(Base.metadata.tables["identifiers"].c.digest)))
        found = raw(again.ground.desk)
        for table in aliased_tables():
            assert not names(found[table.name]) & {d[:16] for d in digests}


def test_a_wrong_key_turns_nothing(tmp_path: Path) -> None:
    with open_space(tmp_path / "shop") as space:
        fill(space, tmp_path)
        desk = space.ground.desk
        as_before(desk)
        before = raw(desk)
        other = Vault(desk, SpaceKey(bytes(32)), "shop")
        with pytest.raises(Refused):
            aliases.settle_in(desk, other)
        assert raw(desk) == before
        aliases.settle_in(desk, space.ground.vault)
        with pytest.raises(Refused, match="not the space's key"):
            aliases.settle_in(desk, other)


def test_after_a_new_space_key_holds_restrictions_and_consent_still_find_their_people(
    filled: Space, url: str | None, tmp_path: Path
) -> None:
    told = state(filled)
    renewing.renew_space(filled.ground, actor="test")
    assert state(filled) == told
    with open_space(tmp_path / "shop", url) as again:
        assert state(again) == told
        with pytest.raises(NotAllowed):
            again.erase(mail(4))
        assert again.ground.gate.held("analytics", [again.customer(mail(5)).id]) == [
            "restricted (article 18)"
        ]


def test_holds_and_restrictions_follow_people_through_merges_and_partings(filled: Space) -> None:
    rows = [{"text": "hello", "identifiers": {"anonymous_id": "browser"}}]
    filled.hear(rows, source="web")
    filled.digest(look=False)
    browser = filled.customer("browser").id
    for held in (mail(4), mail(5)):
        mine = filled.customer(held).id
        act = filled.merge(browser, mine, why="same person")
        with pytest.raises(NotAllowed):
            filled.erase("browser")
        filled.unmerge(act["act"] if "act" in act else act["merge"])
        assert filled.customer("browser").id == browser
    assert filled.ground.gate.held("analytics", [browser]) == [""]
    filled.erase("browser")


def test_erasing_reaches_every_table_and_leaves_others_theirs(filled: Space) -> None:
    desk = filled.ground.desk
    gone, stays = filled.customer(mail(3)).id, filled.customer(mail(2)).id
    digests = set(filled.ground.graph.digests_of(gone))
    receipt = filled.erase(mail(3))
    assert receipt.removed["consent_words"] > 0 and receipt.removed["invitations"] > 0
    with desk.reading() as session:
        for table in aliased_tables():
            for row in session.execute(select(table)).mappings():
                assert not digests & {d for d in digests if d in str(dict(row))}, table.name
                assert gone not in str(dict(row)), table.name
    assert filled.consent(stays)["history"]
    with desk.reading() as session:
        assert session.get(Mark, aliases.MARK) is not None


def test_what_keeps_a_person_can_be_read_by_nobody_without_the_key(
    filled: Space, url: str | None, tmp_path: Path
) -> None:
    desk = Desk(filled.ground.desk.engine.url.render_as_string(hide_password=False), tmp_path / "shop")
    try:
        with desk.reading() as session, pytest.raises(Refused, match="key"):
            session.scalars(select(ConsentWord.digest)).all()
    finally:
        desk.close()
    assert filled.now() == NOW
