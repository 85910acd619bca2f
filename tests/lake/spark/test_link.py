"""Linking beside a cluster: a file goes there when asked; what a space's people told of themselves goes to no other machine."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from bench.cluster import OPTIONS, Cluster
from tests.journey.test_probable import TWICE, send, told
from tests.know.link.test_link import town
from tests.lake.spark.conftest import END, spark

from allears.cli.app import run
from allears.clock import SetClock
from allears.journey.linking import link_file
from allears.know.link.columns import FIELDS
from allears.know.link.comparisons import comparisons
from allears.know.link.learn import settings
from allears.know.link.on_spark import in_sparks_words, open_spark_linker
from allears.lake.spark.engine import SparkEngine
from allears.lake.spark.session import connect, frame, leave
from allears.settings import EngineSettings, read_settings, write_settings
from allears.space import Space

MOSTLY_EXCHANGED = 0.02
"""Share of pairs that two exchanges of neighbours may have made differ: letters out of order are halved, and rounded down here alone."""


def linked(folder: Path, engine: EngineSettings) -> tuple[dict[str, Any], list[Any]]:
    """Let people tell who they are, some twice, and look for those that are one."""
    with Space.open(folder, clock=SetClock(END)) as space:
        send(space, [(f"a{n}", told(n)) for n in range(40)])
        send(space, [(f"b{n}", told(n)) for n in TWICE])
    write_settings(folder, msgspec.structs.replace(read_settings(folder), engine=engine))
    with Space.open(folder, clock=SetClock(END)) as space:
        assert isinstance(space.ground.engine, SparkEngine) == (engine.url != "duckdb")
        done = space.link()
        pairs = [(row["state"], round(row["bits"], 6)) for row in space.link_queue("joined")]
        return done, sorted(pairs)


def test_linking_is_done_here_and_the_cluster_is_handed_nobody(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = linked(tmp_path / "here", EngineSettings(memory_mb=512))
    handed: list[pa.Table] = []
    monkeypatch.setattr("allears.lake.spark.session.frame", lambda *rows: handed.append(rows))
    monkeypatch.setattr("allears.lake.spark.engine.frame", lambda *rows: handed.append(rows))
    there = linked(tmp_path / "there", spark(cluster))
    assert there == here and here[0]["joined"] >= len(TWICE) - 2
    assert handed == []


def test_a_file_is_linked_on_a_cluster_as_here(cluster: Cluster, tmp_path: Path) -> None:
    people, truth = town()
    copies = pa.concat_tables([people, people.slice(0, 1), people.slice(0, 1)])
    pq.write_table(copies, tmp_path / "people.parquet")
    ask = partial(link_file, tmp_path / "people.parquet", today=END.date())
    here, there = ask(), ask(engine=spark(cluster))
    assert (there.linked.clusters == here.linked.clusters).all()
    assert [p | {"bits": 0, "probability": 0, "why": 0} for p in sorted(there.pairs(), key=sides)] == [
        p | {"bits": 0, "probability": 0, "why": 0} for p in sorted(here.pairs(), key=sides)
    ]
    for one, other in zip(sorted(there.pairs(), key=sides), sorted(here.pairs(), key=sides), strict=True):
        assert one["bits"] == pytest.approx(other["bits"], abs=1e-9)
        assert [part["found"] for part in one["why"]] == [part["found"] for part in other["why"]]
    assert len(set(here.linked.clusters.tolist())) < len(truth)


def sides(pair: dict[str, Any]) -> tuple[int, int]:
    return int(pair["left"]), int(pair["right"])


def values(letters: str) -> pa.Table:
    """Draw pairs of values, of which the second is the first with a letter or two gone, put in, changed or exchanged with the next."""
    dice = random.Random(5)

    def mistyped(word: str) -> str:
        for _ in range(dice.choice([0, 1, 1, 2])):
            at = dice.randrange(len(word) - 1)
            letter = dice.choice(letters)
            word = dice.choice([
                word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            ])  # fmt: skip
        return word

    def drawn() -> str:
        return "".join(dice.choice(letters) for _ in range(dice.choice([4, 6, 9, 14])))

    rows = []
    for _ in range(3000):
        name, day = (
            drawn(),
            f"{dice.randrange(1940, 2006)}{dice.randrange(1, 13):02}{dice.randrange(1, 29):02}",
        )
        row = {"given": name, "surname": drawn(), "name": f"{name} {drawn()} {drawn()}", "birth": day, "address": f"{dice.randrange(99)} {drawn()}",
               "postcode": day[2:7], "city": drawn(), "email": f"{name}{dice.randrange(99)}@{drawn()}.example", "phone": day, "number": day}  # fmt: skip
        other = {field: mistyped(value) if dice.random() < 0.8 else value for field, value in row.items()}
        other["birth"] = (
            "".join(dice.sample(day, 8))
            if dice.random() < 0.2
            else row["birth"][:6] + f"{dice.randrange(1, 29):02}"
        )
        if dice.random() < 0.05:
            other |= {"given": row["surname"], "surname": row["given"], "name": drawn()}
        rows.append({f"{f}_l": v for f, v in row.items()} | {f"{f}_r": v for f, v in other.items()})
    return pa.Table.from_pylist(rows)


def answers(session: Any, drawn: pa.Table) -> dict[str, float]:
    """Give for each condition the share of pairs for which the engines say something else."""
    fields = [tuple(FIELDS), ("name", "postcode"), ("city",)]
    said = {
        step["sql_condition"]: None
        for some in fields
        for c in comparisons(some)
        for step in c["comparison_levels"]
    }
    conditions = [condition for condition in said if condition != "ELSE"]
    one = duckdb.sql(
        f"SELECT {', '.join(f'({c}) AS c{at}' for at, c in enumerate(conditions))} FROM drawn"
    ).to_arrow_table()
    frame(session, drawn).createOrReplaceTempView("values_drawn")
    spoken = ", ".join(f"({in_sparks_words(c)}) AS c{at}" for at, c in enumerate(conditions))
    other = session.sql(f"SELECT {spoken} FROM values_drawn").toArrow()
    differ = [pc.mean(pc.not_equal(one[at], other[at]).cast("int8")).as_py() for at in range(len(conditions))]
    never = [c for at, c in enumerate(conditions) if "null" not in c and len(pc.unique(one[at])) < 2]
    assert not never, "drawn so that each is true of some and not of others"
    return dict(zip(conditions, differ, strict=True))


def test_every_step_of_comparing_is_said_alike_in_both_engines_words(cluster: Cluster) -> None:
    session = connect(cluster.url, OPTIONS)
    try:
        open_spark_linker(session, pa.table({"record": [0], "given": ["a"]}), settings(["given"]))
        plain = answers(session, values("abdeilmnorst"))
        assert {c: d for c, d in plain.items() if d > MOSTLY_EXCHANGED} == {}
        assert {c for c, d in plain.items() if d} <= {c for c in plain if "jaro" in c}, (
            "only letters out of order count otherwise"
        )
        wide = answers(session, values("абвгдежз"))
        counted = {c for c, d in wide.items() if d > MOSTLY_EXCHANGED}
        assert counted and all("jaro" in c for c in counted), (
            "DuckDB counts bytes: if it no longer does, the limits say too much"
        )
    finally:
        leave(cluster.url)


def test_a_file_goes_to_no_cluster_on_which_it_could_be_read_on_the_way(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allears.lake.spark.staging.LOOPBACK", ())
    pq.write_table(town()[0], tmp_path / "people.parquet")
    assert run(["link", str(tmp_path / "people.parquet"), "--engine", cluster.url]) == 2
    assert "spark.network.crypto.enabled" in capsys.readouterr().err
    assert run(["link", "--engine", cluster.url]) == 2
    assert "expected a FILE" in capsys.readouterr().err
    assert run(["link", str(tmp_path / "people.parquet"), "--engine", "postgres"]) == 2
    assert "spark://HOST:PORT" in capsys.readouterr().err
