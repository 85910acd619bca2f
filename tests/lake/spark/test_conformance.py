"""Each question, asked of DuckDB and of a real cluster over the same signals: the answers are equal."""

from __future__ import annotations

import ast
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pyarrow as pa
import pytest
from bench.cluster import Cluster
from tests.lake.spark.conftest import BROKE, END, on, spark

from allears.errors import AllearsError
from allears.guard.access import Principal, Role
from allears.journey import affected, briefing, effects, heard, judging, people, playbooks, seen, segments
from allears.journey.segment import customers_in, read_segment, strata_of
from allears.know.customer import overview, timeline
from allears.know.segment import examples
from allears.lake.engine import Engine
from allears.measure import drivers, panel
from allears.settings import EngineSettings
from allears.space import Space

SOURCE = Path(effects.__file__).parents[1]
ONE = "c_0000000000000007"
LEFT_OUT = pa.array([f"c_{i:016x}" for i in range(40)])
MARK = re.compile(r"(?<=reference )[0-9a-f]{8}\b")
PARTNER = Principal("user:p", Role.PARTNER, "Swiftlane")
SOUTH = Principal("user:s", Role.AGENT, sight="south")
OTHER = Principal("user:o", Role.AGENT, sight="other")
MASKED = Principal("user:m", Role.ANALYST)
KINDS = "SELECT kind, count(*) AS n, min(text) AS words FROM signals GROUP BY kind ORDER BY kind"


def narrowed(only: bool, ask: Callable[[Engine], Any]) -> Callable[[Space], Any]:
    """Ask as if some people's rows were not there, or alone there."""
    return lambda space: ask(space.ground.engine.narrowed(LEFT_OUT, only=only))


def concerned(space: Space, **of: Any) -> Any:
    """Ask whom a breach concerns; its id is drawn at random."""
    found = affected.affected(space.ground, space.open_breach("lost", began_at=BROKE, **of))
    return found._replace(told=found.told | {"breach": ""})


def of_some(ask: Callable[[Space], Any]) -> Callable[[Space], Any]:
    """Ask as of very many customers, of whom a part is read."""

    def asked(space: Space) -> Any:
        with patch.object(panel, "below", lambda n, enough: "0020"), patch.object(drivers, "below", lambda n, enough: "0080"):  # fmt: skip
            return ask(space)

    return asked


def panel_of_some(space: Space) -> Any:
    """Give what a verdict would weigh, of a part of the customers."""
    met = [f"c_{i:016x}" for i in range(0, 60, 3)]
    weighed = panel.panel_from(space.signals, met, BROKE, None, END)
    assert 20 < len(set(weighed["customer"].to_pylist())) < 40
    return weighed.sort_by([(name, "ascending") for name in ("customer", "day", "what")])


def figures(engine: Engine) -> Any:
    """Count by channel, in our own SQL and through Ibis."""
    asked = engine.query(
        "SELECT channel, count(*) AS n, avg(rating) AS r FROM signals GROUP BY channel ORDER BY channel"
    )
    table = engine.table("signals")
    return asked, engine.arrow(table.group_by("kind").agg(n=table.count()).order_by("kind"))


def drawn(space: Space) -> Any:
    """Draw every text there is: fewer would be others each time."""
    found = judging.draw(space.ground, n=1_000_000, days=3650)
    return found.population, sorted(text["name"] for text in found.texts)


OF_A_READER: dict[str, Callable[[Space, Principal], Any]] = {
    "issues": lambda s, who: seen.issues(s.ground, who),
    "an issue": lambda s, who: seen.issue(s.ground, who, "i_1"),
    "its story": lambda s, who: seen.story(s.ground, who, "i_1"),
    "customers heard last": lambda s, who: people.customers(s.ground, who, limit=20),
    "who may be seen": lambda s, who: seen.visible(s.ground, seen.sight(s.ground, who), [ONE, LEFT_OUT[3].as_py()]),
    "a user's SQL": lambda s, who: people.sql(s.ground, s.permit("analytics"), who, KINDS),
}  # fmt: skip

QUESTIONS: dict[str, Callable[[Space], Any]] = {
    "counts": lambda s: s.counts(),
    "health of the sources": lambda s: s.health(),
    "hours of the past": lambda s: heard.count_past(s.ground) or heard.hours_table(s.ground),
    "trust by week": lambda s: s.trust(),
    "trust by topic and month": lambda s: s.trust("topic", "month"),
    "experience by channel": lambda s: s.experience("channel"),
    "drivers": lambda s: s.drivers(),
    "services": lambda s: s.services(),
    "what burns": lambda s: s.burning(),
    "verdicts": lambda s: s.verdicts(),
    "drivers, of some": of_some(lambda s: s.drivers()),
    "a verdict's panel, of some": of_some(panel_of_some),
    "who met an issue": lambda s: effects.exposed_to(s.ground, s.permit("analytics"), s.issue("i_1") | {"facets": {}}, END),
    "promises": lambda s: s.promises(),
    "promises kept": lambda s: s.promises_kept(),
    "forecast": lambda s: s.forecast(),
    "volumes by channel and day": lambda s: s.volumes(),
    "volumes by topic and hour": lambda s: s.volumes("topic", days=3, every="hour"),
    "volumes by kind and month": lambda s: s.volumes("kind", days=40, every="month"),
    "surprises": lambda s: s.surprises(),
    "topics": lambda s: s.topics(),
    "pulse": lambda s: s.pulse(),
    "two weeks": lambda s: briefing.weeks(s.ground, s.permit("analytics")),
    "the brief": lambda s: briefing.brief(s.ground, s.permit("analytics")),
    "story of an issue": lambda s: briefing.story(s.ground, "i_1"),
    "an issue": lambda s: s.issue("i_1"),
    **{
        f"{asked}, {whose}": (lambda s, ask=ask, who=who: ask(s, who))
        for whose, who in (("of a sight", SOUTH), ("masked, one kind closed", MASKED), ("a partner's", PARTNER))
        for asked, ask in OF_A_READER.items()
    },
    "issues of an organisation": lambda s: seen.issues(s.ground, OTHER),
    "customers heard last": lambda s: s.customers(limit=20),
    "signals, through Ibis": lambda s: s.signals.group_by("kind").agg(n=s.signals.count()).order_by("kind").to_pyarrow(),
    "people left out": narrowed(False, figures),
    "people alone": narrowed(True, figures),
    "what a playbook sees": lambda s: playbooks.scene(s.ground, s.permit("service"), END).signals.sort_by("occurred_at"),
    "who is in a segment": lambda s: customers_in(s.ground, read_segment("channel=chat,topic=app/crash,days=30")),
    "who is in each segment that ships": lambda s: {
        name: sorted(segments.who(s.ground, s.permit("analytics"), segments.find(s.ground, name))) for name in examples()
    },
    "strata": lambda s: strata_of(s.ground, [f"c_{i:016x}" for i in range(30)]),
    "one customer, in figures": lambda s: overview(s.ground.engine.table("signals"), [ONE]),
    "one customer, the last signals": lambda s: timeline(s.ground.engine.table("signals"), [ONE], 20),
    "answers to our surveys": lambda s: s.surveys.scores(s.permit("research"), BROKE),
    "who would be asked": lambda s: s.ask("csat", "channel=chat,days=30", dry_run=True),
    "sentiment learned from ratings": lambda s: s.learn_sentiment(),
    "topics nobody named": lambda s: s.discover_topics(),
    "whom a breach of the store concerns": lambda s: concerned(s, everything=True),
    "whom a breach of a source concerns": lambda s: concerned(s, sources=["desk", "ask"]),
    "what the register of processing says is kept": lambda s: s.register()["data"],
    "texts for people to judge": drawn,
    "a user's SQL": lambda s: s.sql("SELECT kind, count(*) AS n FROM signals GROUP BY kind ORDER BY kind"),
}  # fmt: skip

ONLY_DUCKDB: dict[str, tuple[Callable[[Engine], Any], str]] = {
    "hashes of ids": (
        lambda e: e.query("SELECT hash(signal_id) AS h FROM signals"),
        "expected nothing that DuckDB alone knows, got hash() - at sql",
    ),
    "lists side by side": (
        lambda e: e.query("SELECT list_zip(topics, topics) AS z FROM signals"),
        "the cluster failed (UNRESOLVED_ROUTINE) - at [engine]",
    ),
    "a user's SQL that is no question": (
        lambda e: e.sql("DROP VIEW signals", {}),
        "one SELECT at a time - at sql",
    ),
}
"""What a cluster does not answer, and in which words it says so."""


class Pair:
    """One history, opened with each engine."""

    def __init__(self, here: Space, there: Space) -> None:
        self.here, self.there = here, there
        self.asked: set[str] = set()


@pytest.fixture(scope="module")
def pair(history: Path, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    with (
        on(history, folder / "duckdb", EngineSettings(memory_mb=512)) as here,
        on(history, folder / "spark", spark(cluster)) as there,
    ):
        made = Pair(here, there)
        with watched(type(there.ground.engine), made.asked):
            yield made


@pytest.mark.parametrize("name", QUESTIONS)
def test_both_engines_give_one_answer(pair: Pair, name: str) -> None:
    assert_equal(QUESTIONS[name](pair.here), QUESTIONS[name](pair.there))


@pytest.mark.parametrize("name", ONLY_DUCKDB)
def test_what_a_cluster_does_not_answer_it_says(pair: Pair, name: str) -> None:
    ask, said = ONLY_DUCKDB[name]
    with pytest.raises(AllearsError) as raised:
        ask(pair.there.ground.engine)
    assert str(raised.value) == said


def test_every_question_of_the_product_is_among_them(pair: Pair) -> None:
    """Comes last: a question that somebody adds, and nobody asks here of both engines, is named."""
    missing = questions_of_the_product() - pair.asked
    assert missing == set()


def assert_equal(here: Any, there: Any, place: str = "") -> None:
    """Compare two answers: columns, rows, order; fractions to nine digits."""
    if isinstance(here, pa.Table):
        assert here.schema.equals(there.schema), place
        here, there = here.to_pylist(), there.to_pylist()
    elif isinstance(here, msgspec.Struct):
        here, there = msgspec.structs.asdict(here), msgspec.structs.asdict(there)
    if isinstance(here, dict):
        assert here.keys() == there.keys(), place
        for name, value in here.items():
            assert_equal(value, there[name], f"{place}.{name}")
    elif isinstance(here, list | tuple):
        assert len(here) == len(there), place
        for number, (left, right) in enumerate(zip(here, there, strict=True)):
            assert_equal(left, right, f"{place}[{number}]")
    elif isinstance(here, float) and isinstance(there, float):
        assert math.isclose(here, there, rel_tol=1e-9, abs_tol=1e-12), f"{place}: {here} is not {there}"
    elif isinstance(here, str) and isinstance(there, str):
        # The mark of a reference is a digest of its figures, down to the last bit of sums added up in another order.
        assert MARK.sub("", here) == MARK.sub("", there), place
    else:
        assert here == there, f"{place}: {here!r} is not {there!r}"


@contextmanager
def watched(engine: type[Engine], asked: set[str]) -> Iterator[None]:
    """Write down which functions of the product ask."""
    kept = {name: getattr(engine, name) for name in ("query", "table")}

    def noting(name: str) -> Callable[..., Any]:
        def note(self: Any, *args: Any, **values: Any) -> Any:
            frame = sys._getframe(1)
            while Path(frame.f_code.co_filename).is_relative_to(SOURCE / "lake") and frame.f_back:
                frame = frame.f_back
            asked.add(
                f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname.replace('.<locals>', '').replace('.<lambda>', '')}"
            )
            return kept[name](self, *args, **values)

        return note

    for name in kept:
        setattr(engine, name, noting(name))
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(engine, name, method)


def questions_of_the_product() -> set[str]:
    """Find every function that asks whichever engine the space has: all but those that ask DuckDB on this machine."""
    found = set()

    def walk(node: ast.AST, file: str, names: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.FunctionDef | ast.ClassDef)
            inside = (*names, child.name) if named else names
            if (
                isinstance(child, ast.Call)
                and isinstance(child.func, ast.Attribute)
                and child.func.attr in ("query", "table")
            ):
                of = ast.unparse(child.func.value)
                if any(word in of for word in ("engine", "asked(", "serving")) and "near" not in of:
                    found.add(".".join((file, *names)))
            walk(child, file, inside)

    for folder in ("journey", "space"):
        for path in (SOURCE / folder).glob("*.py"):
            walk(ast.parse(path.read_text("utf-8")), path.stem, ())
    return found
