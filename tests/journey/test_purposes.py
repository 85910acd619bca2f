"""Every door names its purpose: nothing reads people's rows without a permit, and whoever is left out is in no answer."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import allears
from allears.clock import SetClock
from allears.errors import NotAllowed
from allears.guard.purpose import OWED, PURPOSES
from allears.journey import briefing, effects
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

# Functions that read the lake without a permit, and for what. `rights` are owed, whatever somebody said. What serves customers
# reads through `ground.serving`: nobody can object to it, but whoever's data is restricted is not in it.
ENTRUSTED = {
    "rights": {
        "access._signals", "dealings._messages", "person.conversation", "person.originals", "person.timeline", "person._table", "person._within", "person._figures", "person.traits", "signals_of.held",  # of one customer, asked about first
        "register._data", "affected._heard", "affected._of_nobody", "affected._of_what",
        "belongings.keys_used", "blank._found", "erasure._emptied_ids", "retention._in_lake", "retention._lake", "retention._untie",
    },
    "taking in, and keeping": {
        "alone.hashed", "alone.known_hashes", "amend.settle", "backup._files", "backup._desk", "leases._catch_up",
        "opening.open_desk",
        "guarding.staged", "heard.count_past", "pulling._keep", "pulling.seen_of", "take._take_planned",
    },
    "no row of anybody": {"restoring._open_tables", "many.people_in_table", "cutoff._newest", "cutoff.cutoff", "questions.surprises"},
    "gives permits their engine": {"ground.asked", "ground.close", "ground.lay", "ground.tallied", "ground.tallies"},
}  # fmt: skip

FIGURES: dict[str, Callable[[Space], Any]] = {
    "trust": lambda s: s.trust(),
    "drivers": lambda s: s.drivers(),
    "experience": lambda s: s.experience(),
    "verdicts": lambda s: s.verdicts(),
    "forecast": lambda s: s.forecast(),
    "volumes": lambda s: s.volumes(),
    "topics": lambda s: s.topics(),
    "pulse": lambda s: s.pulse(),
    "signals": lambda s: s.signals,
    "sql": lambda s: s.sql("SELECT count(*) FROM signals"),
    "export": lambda s: s.export("signals", s.ground.folder / "out.parquet", "parquet"),
}
"""What is asked of a space for analytics."""
OTHERS: dict[str, tuple[str, Callable[[Space], Any]]] = {
    "learn_sentiment": ("product", lambda s: s.learn_sentiment()),
    "discover_topics": ("product", lambda s: s.discover_topics()),
    "ask": ("research", lambda s: s.ask("nps", "days=30")),
    "links": ("research", lambda s: s.links("nps")),
}
FOR_SERVICE = {
    "backtest", "burning", "cases", "customer", "customers", "daily", "deliver", "digest", "follow_promises_up", "issue",
    "issues", "leads", "mark_fixed", "moves", "promises", "promises_kept", "react", "rehearse", "services", "settle_moves", "surprises", "tell",
}  # fmt: skip
"""What customers are owed; moves and deliveries ask the gate about each person (test_consent)."""
BY_RIGHT = {
    "access", "check_asker", "close_request", "consent", "consent_coverage", "due", "erase", "erase_all", "extend_request", "hold", "holds",
    "import_consent", "note_consent", "prove_consent", "receipts", "rehearse_erasure", "release", "request", "requests", "ask_breach_people", "breach", "breach_people", "breaches", "close_breach", "decide_breach", "judge_breach", "note_breach", "open_breach", "draw_texts", "judge_text", "object_asker", "rectify", "redaction_quality", "rectify_asker", "register", "restrict", "restrict_asker", "restrictions", "lift", "retire", "sign_audit", "verify_acts", "verify_audit",
}  # fmt: skip
WHO_IS_WHO = {
    "account",
    "accounts",
    "apart",
    "end_relation",
    "import_accounts",
    "break_glass",
    "kept_apart",
    "link",
    "link_pair",
    "link_queue",
    "link_told",
    "merge",
    "merges",
    "part",
    "publish",
    "relate",
    "settle_link",
    "tell_account",
    "unmerge",
}
OF_ITS_OWN = {"count_segments", "follow_segments", "segment", "segment_members", "segments"}
"""Each segment names its purpose, and is counted through that purpose's permit (test_segments)."""
NOBODYS = {
    "acknowledge", "add_channel", "add_destination", "answering", "channels", "check_rules", "close", "counts", "daily_due",
    "digester", "dismiss", "explain", "explain_segment", "segment_on", "segment_off", "health", "hear", "inviting", "listen", "look", "lookout", "mapping", "may_digest", "mend", "move_case", "name",
    "now", "open", "open_refused", "outbox", "permit", "playbooks", "pull", "pulls", "refused", "refused_groups", "refused_row",
    "remove_channel", "remove_destination", "replay", "require_rules", "require_sight", "ask_export", "ask_erasure", "require_second", "require_second_to_erase",
    "settle_approval", "share", "unshare", "status", "surveys", "switch_off", "switch_on", "take",
    "teach_topics", "tidy",
}  # fmt: skip
"""Takes in, sets, counts the listening itself, or gives something that asks for permits of its own."""


def fill(space: Space, people: range) -> None:
    rows = [
        {
            "signal_id": f"m{n}-{day}", "text": f"The parcel number {n} is late again, what a pity" if n % 2 else "Thank you, wonderful shoes",
            "channel": "chat" if n % 3 else "email", "rating": 1 + (n + day) % 5, "rating_scale": "csat-1-5",
            "occurred_at": (NOW - day * DAY).isoformat(), "identifiers": {"email": f"p{n}@example.com"},
        }
        for n in people
        for day in (1, 2, 9, 16)
    ]  # fmt: skip
    space.hear(rows, source="desk")
    space.hear(
        [
            {
                "signal_id": "nobody",
                "text": "Nobody wrote this",
                "channel": "chat",
                "occurred_at": (NOW - DAY).isoformat(),
            }
        ],
        source="desk",
    )
    space.digest(look=False)
    space.publish()


def opened(folder: Path, people: range) -> Space:
    space = Space.open(folder, clock=SetClock(NOW))
    fill(space, people)
    return space


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with opened(tmp_path / "all", range(12)) as made:
        yield made


@pytest.fixture
def without(tmp_path: Path) -> Iterator[Space]:
    """The same, had three of them never written."""
    with opened(tmp_path / "without", range(3, 12)) as made:
        yield made


def object_to(space: Space, purpose: str, people: range = range(3)) -> None:
    for n in people:
        space.note_consent(f"p{n}@example.com", purpose, "refused", why="asked by mail")


def figures(space: Space) -> dict[str, Any]:
    sql = "SELECT channel, count(*) AS n, count(DISTINCT customer_key) AS c FROM signals GROUP BY ALL ORDER BY ALL"
    return _rounded(
        {
            "volumes": space.volumes().to_pylist(),
            "months": space.volumes(every="month", days=60).to_pylist(),
            "experience": space.experience(by="channel").to_pylist(),
            "topics": space.topics().to_pylist(),
            "trust": space.trust().to_pylist(),
            "week": space.pulse()["week"],
            "signals": space.signals.count().to_pyarrow().as_py(),
            "sql": space.sql(sql).to_pylist(),
            "identities": space.sql("SELECT count(DISTINCT customer) AS n FROM identities").to_pylist(),
        }
    )


def _rounded(told: Any) -> Any:
    """Forget the last digits: sums are added up by several threads, in no order."""
    if isinstance(told, dict):
        return {name: _rounded(one) for name, one in told.items()}
    if isinstance(told, list):
        return [_rounded(one) for one in told]
    return round(told, 9) if isinstance(told, float) else told


def test_whoever_objects_is_in_no_figure(space: Space, without: Space) -> None:
    before = figures(space)
    object_to(space, "analytics")
    after = figures(space)
    assert after == figures(without) and after != before
    assert space.ground.asked(space.permit("analytics")) is not space.ground.engine


def test_an_objection_that_is_taken_back_counts_no_longer(space: Space) -> None:
    before = figures(space)
    object_to(space, "analytics")
    assert figures(space) != before
    for n in range(3):
        space.note_consent(f"p{n}@example.com", "analytics", "given", why="changed their mind", at=NOW)
        later(space, n)
        space.note_consent(f"p{n}@example.com", "analytics", "given", why="changed their mind")
    assert figures(space) | {"week": 0} == before | {"week": 0}


def later(space: Space, seconds: int) -> None:
    clock = space.ground.clock
    assert isinstance(clock, SetClock)
    clock.set(NOW + timedelta(seconds=1 + seconds))


def test_where_figures_wait_for_consent_only_those_who_gave_it_count(space: Space, tmp_path: Path) -> None:
    (space.ground.folder / "purposes.toml").write_text("[analytics]\nbasis = 'consent'\n", "utf-8")
    assert space.signals.count().to_pyarrow().as_py() == 0
    for n in range(4):
        space.note_consent(f"p{n}@example.com", "analytics", "given", why="banner")
    assert space.signals.count().to_pyarrow().as_py() == 16, "nor what nobody known wrote"
    with opened(tmp_path / "few", range(4)) as few:
        told = few.experience(by="channel").to_pylist()
    asked = space.experience(by="channel").to_pylist()
    # What nobody known wrote has a sentiment and no rating.
    assert [r for r in asked if r["name"] != "sentiment"] == [r for r in told if r["name"] != "sentiment"]


def test_an_export_names_its_purpose_and_leaves_out_whom_it_must(space: Space, tmp_path: Path) -> None:
    object_to(space, "analytics")
    rows, _ = space.export("signals", tmp_path / "a.parquet", "parquet")
    assert rows == 9 * 4 + 1
    gone = {space.customer(f"p{n}@example.com").id for n in range(3)}
    assert not gone & set(pq.read_table(tmp_path / "a.parquet")["customer_key"].to_pylist())
    assert space.export("signals", tmp_path / "b.parquet", "parquet", purpose="rights")[0] == 12 * 4 + 1
    told = {e.detail["purpose"] for e in space.ground.audit.entries() if e.action == "export"}
    assert told == {"analytics", "rights"}


def test_what_was_written_before_a_merge_is_left_out_too(space: Space) -> None:
    space.merge("p0@example.com", "p5@example.com", why="one person")
    object_to(space, "analytics", range(1))
    assert space.signals.count().to_pyarrow().as_py() == 10 * 4 + 1


def test_nothing_is_learned_from_those_who_object(space: Space) -> None:
    assert space.learn_sentiment()["learned_from"] == "48 rated messages"
    object_to(space, "product")
    assert space.learn_sentiment()["learned_from"] == "36 rated messages"


def test_nobody_left_out_is_today_s_engine(space: Space) -> None:
    assert space.ground.asked(space.permit("analytics")) is space.ground.engine
    assert space.ground.tallied(space.permit("analytics")) is space.ground.tallies


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_a_figure_is_not_given_where_figures_are_switched_off(space: Space, name: str) -> None:
    (space.ground.folder / "purposes.toml").write_text("[analytics]\non = false\n", "utf-8")
    with pytest.raises(NotAllowed, match="analytics is switched off"):
        FIGURES[name](space)


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_a_door_is_shut_where_its_purpose_is_switched_off(space: Space, name: str) -> None:
    purpose, ask = OTHERS[name]
    (space.ground.folder / "purposes.toml").write_text(f"[{purpose}]\non = false\n", "utf-8")
    with pytest.raises(NotAllowed, match=f"{purpose} is switched off"):
        ask(space)


def test_the_brief_asks_too(space: Space) -> None:
    object_to(space, "analytics")
    told = briefing.brief(space.ground, space.permit("analytics"))
    assert told["weeks"]
    assert (
        effects.signals(space.ground, space.permit("analytics"), NOW, 30).count().to_pyarrow().as_py() == 37
    )


def test_every_door_of_a_space_is_sorted() -> None:
    parts = [part for part in Space.__mro__ if part.__module__.startswith("allears.")]
    doors = {name for part in parts for name in vars(part) if not name.startswith("_")}
    sorted_in = [set(FIGURES), set(OTHERS), FOR_SERVICE, BY_RIGHT, WHO_IS_WHO, OF_ITS_OWN, NOBODYS]
    assert doors == set().union(*sorted_in), "say for which purpose a new door reads people's data"
    assert sum(map(len, sorted_in)) == len(doors)


def test_nothing_reads_the_lake_without_a_permit_but_what_is_entrusted() -> None:
    folder = Path(inspect.getfile(allears)).parent
    found = set()
    for path in sorted((folder / "journey").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and _reads(node):
                found.add(f"{path.stem}.{node.name}")
    assert found == set().union(*ENTRUSTED.values()), "take a permit, and ask through `ground.asked(permit)`"
    for path in [
        *(folder / "web").rglob("*.py"),
        *(folder / "cli").rglob("*.py"),
        *(folder / "space").rglob("*.py"),
    ]:
        assert not _reads(ast.parse(path.read_text("utf-8"))), f"{path.name} reads the lake past journey"


def _reads(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in ("engine", "tallies")
        and isinstance(node.ctx, ast.Load)
        and not (isinstance(node.value, ast.Name | ast.Attribute) and "settings" in ast.unparse(node.value))
        for node in ast.walk(tree)
    )


def test_what_is_owed_is_always_allowed(space: Space) -> None:
    for purpose in PURPOSES:
        object_to(space, purpose, range(1))
    assert {p for p in PURPOSES if space.permit(p).verdict.decision == "allowed"} == set(OWED)
