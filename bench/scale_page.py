"""docs/scale.md: what `bench.scale` measured, drawn, and a plan on paper to ten billion signals that follows from it.

Prices and habits are assumptions, in `ASSUMED`: change them and write the page again.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import Any

from bench.scale import BATCHES, FRESH, TIMES, Measured, _rows

DOCS = Path(__file__).resolve().parents[1] / "docs"
TARGET = 10_000_000_000
SHARED = os.environ.get("ALLEARS_BENCH_BESIDE", "")
"""What else ran on the machine, in words."""
ASSUMED = {
    "days kept": 730,
    "peak hour over mean": 5.0,
    "messages among signals": 0.15,
    "days a question reads": 90,
    "seconds a question may take": 30.0,
    "hours a day the cluster runs": 10.0,
    "USD per core and hour": 0.05,
    "USD per GB and month": 0.023,
    "cores busy at most": 0.6,
}
"""What cannot be measured here; prices are of the order of a public cloud's list prices, not a quotation."""


def write(told: dict[int, Measured]) -> None:
    """Write the page and its picture from all that was measured."""
    whole = {size: m for size, m in told.items() if "grown" in m}
    if not whole:
        raise SystemExit("nothing was measured")
    title = finding(whole)
    (DOCS / "pictures" / "scale.svg").write_text(draw(whole), "utf-8")
    text = "\n".join(
        [
            "# Scale", "",
            f"Printed by `ALLEARS_BENCH_SIZES={','.join(str(size) for size in sorted(whole))} allears bench scale`; this page is written by `python -m bench.scale`, under the same setting, from what that measured, and by nobody's hand. "
            "What was measured once is kept in `~/.cache/allears-bench` (`ALLEARS_BENCH_KEPT`) and not measured again; nothing more is begun after `ALLEARS_BENCH_MINUTES` (30). Signals are simulated.", "",
            f"![{title}](pictures/scale.svg)", "",
            f"*{title}*", "",
            "## Measured", "",
            f"On {next(iter(whole.values()))['machine']}{SHARED}. Signals are laid into the lake at once (events, requests and messages, 200 for each known customer); then "
            f"fresh messages and events are digested on top ({BATCHES} batches of {FRESH:,} each; medians), and the questions behind the pages asked (each {TIMES} times after a first; medians). Each size in processes of its own. "
            "What is laid at once has one text, no properties and no sealed originals, so it weighs less than life; what was digested on top weighs what it would.", "",
            *_table(told), "",
            *_spark(whole),
            *plan(whole),
        ]
    )  # fmt: skip
    (DOCS / "scale.md").write_text(text.rstrip() + "\n", "utf-8")
    print(f"wrote {DOCS / 'scale.md'}")


def finding(told: dict[int, Measured]) -> str:
    """Say in a sentence what growth does."""
    small, large = min(told), max(told)
    if small == large:
        return f"One size measured: {_millions(small)} million signals"
    spent = sorted(1e6 * _spent(m) for m in told.values())
    asks = _asked(told[large]) / _asked(told[small])
    return (
        f"From {_millions(small)} to {_millions(large)} million signals: the next message takes {spent[0]:.0f} to {spent[-1]:.0f} µs, "
        f"the middle one of the questions {asks:.1f} times as long"
    )


def draw(told: dict[int, Measured]) -> str:
    """Draw four panels over the number of signals."""
    import altair as alt
    import vl_convert

    from allears.show.drawings import LOOK
    from allears.show.palette import BLUE

    def panel(title: str, unit: str, value: Any, spread: Any = None) -> Any:
        data = alt.Data(values=[{"signals": s / 1e6, "value": value(s, m)} for s, m in sorted(told.items())])
        x = alt.X(
            "signals:Q", title="signals in the lake, millions", scale=alt.Scale(type="log"), axis=alt.Axis(grid=False, values=[0.1, 1, 10, 30, 100])
        )  # fmt: skip
        y = alt.Y("value:Q", title=unit, scale=alt.Scale(zero=True))
        base = alt.Chart(data, title=title).encode(x=x, y=y)
        drawn = base.mark_line(color=BLUE, strokeWidth=2) + base.mark_circle(color=BLUE, size=40, opacity=1)
        if spread is not None:
            ranges = [
                {"signals": s / 1e6, "low": spread(m)[0], "high": spread(m)[-1]} for s, m in told.items()
            ]
            drawn += (
                alt.Chart(alt.Data(values=ranges))
                .mark_rule(color=BLUE)
                .encode(x=x, y=alt.Y("low:Q", title=unit), y2="high:Q")
            )
        return drawn.properties(width=270, height=140)

    chart = alt.vconcat(
        alt.hconcat(
            panel(
                f"Digest: next message (range of {BATCHES} × {FRESH:,})",
                "µs",
                lambda s, m: 1e6 * _spent(m),
                lambda m: [1e6 * x for x in m["grown"]["signal_seconds"]],
            ),
            panel("Digest: memory, peak", "MB", lambda s, m: m["grown"]["digest_mb"]),
        ),
        alt.hconcat(
            panel("Lake: size", "bytes per signal", lambda s, m: m["laid"]["bytes"] / s),
            panel(
                f"The middle one of {len(next(iter(told.values()))['grown']['questions'])} questions, warm (median of {TIMES})",
                "ms",
                lambda s, m: 1e3 * _asked(m),
            ),
        ),
        title=alt.Title(finding(told).split(": "), fontSize=12, anchor="start", limit=680),
    )
    look = {**LOOK, "title": {"fontSize": 11, "fontWeight": "normal", "anchor": "start"}}
    drawn: str = vl_convert.vegalite_to_svg(chart.configure(**look).to_dict())
    return drawn


def _table(told: dict[int, Measured]) -> list[str]:
    sizes = sorted(told)
    by_measure: dict[str, dict[int, dict[str, Any]]] = {}
    for size in sizes:
        for one in _rows(size, told[size]):
            if not one["measure"].startswith("every signal read"):
                by_measure.setdefault(f"{one['measure']}, {one['unit']}", {})[size] = one
    lines = [f"| | {' | '.join(f'{_millions(s)} M' for s in sizes)} |", "|---" * (len(sizes) + 1) + "|"]
    for measure, found in by_measure.items():
        cells = [_number(found[s]["figure"]) if s in found else "not measured" for s in sizes]
        lines.append(f"| {measure} | {' | '.join(cells)} |")
    return lines


def _spark(told: dict[int, Measured]) -> list[str]:
    lines = [
        "## One engine, another, and two executors", "",
        "Questions that read every signal, warm, seconds. DuckDB may use all cores; an executor has one core and 1.5 GB, on the same machine, so two executors take turns with everything else that runs on it.", "",
        "| signals | question | DuckDB | Spark, 1 executor | Spark, 2 executors | 2 over 1 |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for size, m in sorted(told.items()):
        one, two = (m.get(n, {}).get("scans", {}) for n in ("spark1", "spark2"))
        for name, seconds in m["grown"]["scans"].items():
            cells = [seconds, one.get(name), two.get(name)]
            faster = f"{one[name] / two[name]:.2f} times" if name in one and name in two else ""
            told_cells = " | ".join("not measured" if c is None else _number(c) for c in cells)
            lines.append(f"| {_millions(size)} M | {name} | {told_cells} | {faster} |")
    return [*lines, ""]


def plan(told: dict[int, Measured]) -> list[str]:
    """Work out what ten billion signals need, from the largest sizes that were measured."""
    size, a = max(told), ASSUMED
    m = told[size]
    on_spark = max((s for s in told if "scans" in told[s].get("spark1", {})), default=size)
    per_day = TARGET / a["days kept"]
    mean = per_day / 86_400
    # What is laid at once repeats itself and compresses better than life; what was digested carries ids, properties and originals.
    share = a["messages among signals"]
    grown = m["grown"]
    each = share * grown["fresh_bytes"] + (1 - share) * grown["event_bytes"]
    terabytes = TARGET * each / 1e12
    spent = share * _spent(m) + (1 - share) * statistics.median(grown["event_seconds"])
    digest_cores = spent * 2 * mean * a["peak hour over mean"] / a["cores busy at most"]
    lines = [
        "## A plan on paper to ten billion signals", "",
        f"Nobody has run this. It takes the figures of {_millions(size)} million signals above, and assumes that they hold per signal, that files lie where every machine reaches them as fast as here, and:", "",
        "| assumed | |", "|---|---|", *(f"| {name} | {value:g} |" for name, value in a.items()), "",
        "| follows | | from |", "|---|---|---|",
        f"| signals a second, mean | {mean:,.0f} | ten billion over the days kept |",
        f"| lake | {terabytes:,.1f} TB | {each:,.0f} bytes a signal: messages {grown['fresh_bytes']:,.0f}, events {grown['event_bytes']:,.0f}, before compaction |",
        f"| storage, USD a month | {terabytes * 1000 * a['USD per GB and month']:,.0f} | |",
        f"| cores that digest | {digest_cores:,.1f} | {1e6 * spent:,.0f} µs a signal in two processes (counted as two cores): messages {1e6 * _spent(m):,.0f}, events {1e6 * statistics.median(grown['event_seconds']):,.0f}; peak hour |",
        f"| digest, USD a month | {digest_cores * 730 * a['USD per core and hour']:,.0f} | all day |",
    ]  # fmt: skip
    scans = told[on_spark].get("spark1", {}).get("scans")
    if scans:
        slowest = max(scans, key=lambda name: scans[name])
        per_signal = scans[slowest] / on_spark
        read = TARGET * a["days a question reads"] / a["days kept"]
        cores = per_signal * read / a["seconds a question may take"] / a["cores busy at most"]
        lines += [
            f"| signals a question reads | {read / 1e9:,.2f} billion | |",
            f"| core-seconds a question | {per_signal * read:,.0f} | {1e6 * per_signal:,.2f} µs a signal on one executor, at {_millions(on_spark)} million: {slowest}, the slowest |",
            f"| cores of the cluster | {cores:,.0f} | one question at a time, in the time it may take |",
            f"| cluster, USD a month | {cores * 30 * a['hours a day the cluster runs'] * a['USD per core and hour']:,.0f} | |",
        ]
        two = told[on_spark].get("spark2", {}).get("scans")
        if two:
            ratio = statistics.mean(scans[n] / two[n] for n in scans)
            lines.append(f"| a second executor made it | {ratio:.2f} times as fast | here, where both share one processor; the plan assumes 2 |")  # fmt: skip
    held = 8 * per_day * 30 / 1e9
    return [
        *lines, "",
        f"What would break first: ids of the last 30 days are remembered in each digesting process ({held:,.1f} GB at that rate), identities in memory grow with customers, and one desk takes turns at writing. "
        "What whole periods added up to is kept, so that pages read the running period alone; questions over all days are the cluster's.", "",
    ]  # fmt: skip


def _spent(told: Measured) -> float:
    return statistics.median(told["grown"]["signal_seconds"])


def _asked(told: Measured) -> float:
    return statistics.median(q["warm"] for q in told["grown"]["questions"].values())


def _millions(size: int) -> str:
    return f"{size / 1e6:g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"
