"""Measure linking on public data with known truth, beside plain Splink and the graph of identifiers alone. Prints no value.

Run: allears bench link, or python -m bench.link [accuracy speed spark] with LINK_RECORDS=100000,1000000. ALLEARS_DATA or the
sibling folder shared/data holds linkage/.
"""

from __future__ import annotations

import csv
import os
import resource
import sys
import time
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from allears.know import resolve
from allears.know.link import Linked, Thresholds, evaluate, link
from allears.know.link.columns import columns_of
from allears.know.link.learn import OpenLinker, open_linker, quiet
from allears.know.link.on_spark import open_spark_linker
from allears.lake.spark.session import connect, leave
from bench.cluster import Cluster
from bench.report import Row, row, shared_data

TODAY = date(2026, 11, 28)
EQUAL_TERMS = Thresholds(0.95, 0.9, families=False)
"""What plain Splink is asked for: every pair of 95 % and more is one person."""
TUNED = "steps of comparing were set with fake_1000, FEBRL and dedupe in view; no weight or threshold was chosen by their labels"


def rows(parts: list[str] | None = None) -> list[Row]:
    found = []
    if not parts or "accuracy" in parts:
        data = shared_data()
        found += _accuracy(data / "linkage") if data else []
    if not parts or "speed" in parts:
        for records in os.environ.get("LINK_RECORDS", "100000").split(","):
            found += _speed(int(records))
    if parts and "spark" in parts:
        for records in os.environ.get("LINK_RECORDS", "100000").split(","):
            found += _on_spark(int(records))
    return found


def _sets(folder: Path) -> list[tuple[str, pa.Table, list[str]]]:
    found = []
    for number in (1, 2):
        lines = _read(folder / "febrl" / f"dataset{number}.csv")
        truth = [line["rec_id"].split("-")[1] for line in lines]
        # The record's id gives the answer away.
        table = pa.Table.from_pylist(lines).drop_columns(["rec_id"])
        found.append((f"FEBRL {number}", table, truth))
        found.append((f"FEBRL {number} without soc_sec_id", table.drop_columns(["soc_sec_id"]), truth))
    lines = _read(folder / "splink" / "fake_1000.csv")
    table = pa.Table.from_pylist(lines).drop_columns(["cluster", "unique_id"])
    found.append(("fake_1000", table, [line["cluster"] for line in lines]))
    lines = _read(folder / "dedupe" / "csv_example_input_with_true_ids.csv")
    table = pa.Table.from_pylist(lines).select(["Site name", "Address", "Zip", "Phone"])
    found.append(("dedupe, sites", table, [line["True Id"] for line in lines]))
    return found


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


def _accuracy(folder: Path) -> list[Row]:
    found: list[Row] = []
    for name, table, truth in _sets(folder):
        ways = {
            "linked at 95 %": lambda t=table: link(t, today=TODAY, thresholds=EQUAL_TERMS).clusters.tolist(),
            "linked by itself (99 %, families apart)": lambda t=table: link(t, today=TODAY).clusters.tolist(),
            "plain Splink at 95 %": lambda t=table: plain(t),
            "identifiers alone": lambda t=table: resolve(_identifiers(t)),
        }
        for way, ask in ways.items():
            began = time.perf_counter()
            with quiet():
                judged = evaluate(ask(), truth)
            seconds = time.perf_counter() - began
            for part in ("pairs", "clusters"):
                rates = judged[part]
                told = f"precision {rates['precision']:.3f}, recall {rates['recall']:.3f}, n {rates['n']:,}; {seconds:.1f} s; over-merged {judged['over_merged']:.3f}"
                found.append(
                    row(
                        f"F1 of {part}, {way}",
                        name,
                        rates["f1"],
                        "share",
                        reference=TUNED if way.startswith("linked") else "",
                        source=told,
                    )
                )
    return found


def _identifiers(table: pa.Table) -> pa.Table:
    chosen = columns_of(table.column_names)
    kinds = {"email": "email", "phone": "phone", "number": "user_id"}
    held = {kinds[field]: table[column] for field, column in chosen.items() if field in kinds}
    return pa.table(held) if held else pa.table({"nothing": pa.nulls(table.num_rows, pa.string())})


def plain(table: pa.Table) -> list[Any]:
    """Link as Splink's tutorial does: its ready-made comparisons, a few rules, u by sampling, two passes of EM."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    ready = {
        "given": lambda c: cl.NameComparison(c).configure(term_frequency_adjustments=True),
        "surname": lambda c: cl.NameComparison(c).configure(term_frequency_adjustments=True),
        "name": lambda c: cl.JaroWinklerAtThresholds(c, [0.9, 0.7]).configure(
            term_frequency_adjustments=True
        ),
        "birth": lambda c: cl.DamerauLevenshteinAtThresholds(c, [1, 2]),
        "address": lambda c: cl.JaroWinklerAtThresholds(c, [0.9, 0.7]),
        "postcode": lambda c: cl.DamerauLevenshteinAtThresholds(c, [1, 2]),
        "city": lambda c: cl.ExactMatch(c).configure(term_frequency_adjustments=True),
        "email": lambda c: cl.EmailComparison(c),
        "phone": lambda c: cl.DamerauLevenshteinAtThresholds(c, [1, 2]),
        "number": lambda c: cl.DamerauLevenshteinAtThresholds(c, [1, 2]),
    }
    chosen = {f: c for f, c in columns_of(table.column_names).items() if f in ready}
    columns = {
        f: pa.array([v.strip() or None if v else None for v in table[c].to_pylist()], pa.string())
        for f, c in chosen.items()
    }
    people = pa.table({"unique_id": pa.array(range(table.num_rows)), **columns})
    fields = list(columns)
    names = [f for f in ("given", "surname", "name") if f in fields]
    # The tutorial's rules: names together, each name with the birthday or place, and each number of one's own.
    keys = [tuple(names)] + [(n, o) for n in names for o in ("birth", "postcode", "city") if o in fields]
    keys += [(f,) for f in ("email", "phone", "number") if f in fields]
    api = DuckDBAPI()
    how = SettingsCreator(
        link_type="dedupe_only", comparisons=[ready[f](f) for f in fields],
        blocking_rules_to_generate_predictions=[block_on(*key) for key in keys],
    )  # fmt: skip
    linker = Linker(api.register(people), how)
    certain = [block_on(*key) for key in keys[1:] if len(key) > 1 or key[0] in ("email", "number")] or [
        block_on(*keys[0])
    ]
    linker.training.estimate_probability_two_random_records_match(certain, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1.1e6, seed=1)
    for key in (tuple(names), ("birth",) if "birth" in fields else ("phone",)):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*key))
    pairs = linker.inference.predict(threshold_match_probability=0.95, warning_mode="never")
    groups = linker.clustering.cluster_pairwise_predictions_at_threshold(
        pairs, threshold_match_probability=0.95
    )
    owner = {r["unique_id"]: r["cluster_id"] for r in groups.as_record_list()}
    return [owner[i] for i in range(table.num_rows)]


def _speed(records: int) -> list[Row]:
    people, truth = simulate(records)
    began, worked = time.perf_counter(), time.process_time()
    with quiet():
        linked = link(people, today=TODAY)
    seconds, work = time.perf_counter() - began, time.process_time() - worked
    judged = evaluate(linked.clusters.tolist(), truth)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    name = f"{records:,} simulated records"
    told = f"{linked.compared:,} pairs compared at most; precision {judged['pairs']['precision']:.3f}, recall {judged['pairs']['recall']:.3f} of the simulated mistakes"
    return [
        row("time to link", name, seconds, "s", source=told),
        row(
            "processor time to link",
            name,
            work,
            "s",
            source="of all threads: what a busy machine leaves as it is",
        ),
        row("most memory of the process", name, memory, "GB", source="whole process, simulation included"),
    ]


def _on_spark(records: int) -> list[Row]:
    """Link the same records here and on a cluster on loopback, and say whether the pairs are the same."""
    people, _ = simulate(records)
    here, seconds = _timed(people, open_linker)
    rows = [row("time to link, DuckDB", f"{records:,} simulated records", seconds, "s")]
    # The driver shares the machine's cores and memory with the executors, as it would on nobody's cluster.
    memory = int(os.environ.get("LINK_EXECUTOR_MB", "2048"))
    options = {
        "spark.executor.memory": f"{memory}m", "spark.driver.memory": f"{memory}m", "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1", "spark.sql.shuffle.partitions": "8",
    }  # fmt: skip
    for executors in (1, 2):
        cluster = Cluster(executors, memory + 512)
        try:
            session = connect(cluster.url, options)
            there, seconds = _timed(people, partial(open_spark_linker, session))
            leave(cluster.url)
        finally:
            cluster.stop()
        ours, theirs = (
            {
                (p["left"], p["right"]): p["bits"]
                for p in one.pairs.select(["left", "right", "bits"]).to_pylist()
            }
            for one in (here, there)
        )
        shared = ours.keys() & theirs.keys()
        apart = [bits for pair in shared if (bits := abs(ours[pair] - theirs[pair])) > 1e-6]
        told = (
            f"{len(shared):,} pairs of both, {len(ours.keys() ^ theirs.keys()):,} of one alone; "
            f"{len(apart):,} weights apart, by {max(apart, default=0.0):.1g} bits at most; "
            f"{int((here.clusters != there.clusters).sum()):,} records another person"
        )
        rows.append(row(f"time to link, Spark, {executors} executor(s) of one core", f"{records:,} simulated records", seconds, "s", source=told))  # fmt: skip
    return rows


def _timed(people: pa.Table, opened: OpenLinker) -> tuple[Linked, float]:
    began = time.perf_counter()
    with quiet():
        linked = link(people, today=TODAY, opened=opened)
    return linked, time.perf_counter() - began


def simulate(records: int, seed: int = 0) -> tuple[pa.Table, list[int]]:
    """Make people of whom a third are there twice, a letter mistyped and some fields gone. Simulated: easier than life."""
    rng = np.random.default_rng(seed)
    people = records * 3 // 4
    syllables = np.array(
        [
            "an",
            "be",
            "co",
            "da",
            "el",
            "fi",
            "ga",
            "hu",
            "is",
            "jo",
            "ka",
            "lu",
            "mo",
            "ni",
            "or",
            "pa",
            "ri",
            "so",
            "ta",
            "vo",
        ]
    )
    given = _words(rng, syllables, 1500)[_zipf(rng, 1500, people)]
    surname = _words(rng, syllables, 30_000)[_zipf(rng, 30_000, people)]
    born = np.datetime64("1940-01-01") + rng.integers(0, 24_000, people).astype("m8[D]")
    street = _words(rng, syllables, 5000)[rng.integers(0, 5000, people)]
    columns = {
        "first_name": given, "last_name": surname, "date_of_birth": np.datetime_as_string(born),
        "address": np.char.add(np.char.add(rng.integers(1, 200, people).astype(str), " "), street),
        "postcode": (10_000 + rng.integers(0, 9000, people)).astype(str),
        "email": np.char.add(np.char.add(given, surname), np.char.add(rng.integers(0, 10_000, people).astype(str), "@example.org")),
        "phone": (10**8 + rng.integers(0, 9 * 10**8, people)).astype(str),
    }  # fmt: skip
    twice = rng.choice(people, records - people, replace=False)
    arrays = {}
    for name, values in columns.items():
        copy = values[twice].astype(object)
        wrong = rng.random(len(copy)) < 0.12
        copy[wrong] = [
            _mistype(v, int(at)) for v, at in zip(copy[wrong], rng.integers(1, 99, wrong.sum()), strict=True)
        ]
        gone = {"email": 0.4, "phone": 0.5, "date_of_birth": 0.15}.get(name, 0.05)
        both = np.concatenate([values.astype(object), copy])
        arrays[name] = pa.array(both, pa.string(), mask=rng.random(len(both)) < gone)
    truth = np.concatenate([np.arange(people), twice])
    order = rng.permutation(records)
    return pa.table(arrays).take(pa.array(order)), truth[order].tolist()


def _words(rng: Any, syllables: Any, count: int) -> Any:
    parts = [syllables[rng.integers(0, len(syllables), count)] for _ in range(4)]
    return np.char.add(np.char.add(parts[0], parts[1]), np.char.add(parts[2], parts[3]))


def _zipf(rng: Any, count: int, size: int) -> Any:
    chance = 1 / np.arange(10, count + 10)
    return rng.choice(count, size, p=chance / chance.sum())


def _mistype(value: str, at: int) -> str:
    place = at % len(value)
    return value[:place] + value[place + 1 :]


if __name__ == "__main__":
    for one in rows(sys.argv[1:]):
        print(f"{one['measure']:55} {one['data']:30} {one['figure']:.4f} {one['unit']}  {one['source']}")
