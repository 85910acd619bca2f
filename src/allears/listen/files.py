"""Files of unknown shape: looked at first, then streamed into arrivals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from allears.errors import NotFound, WorldFailed
from allears.listen.calls import BROKEN_CALL, add_transcript
from allears.listen.flat import flatten
from allears.listen.gather import Gather
from allears.listen.guess import SAMPLE_ROWS
from allears.listen.mail import BROKEN_MAIL, add_message
from allears.listen.maildir import Letters, is_maildir, letters_bytes
from allears.listen.mapping import (
    Mapper,
    Mapping,
    identifiers_of,
    infer,
    network_in,
    preview,
    row_id,
    shown_rows,
    used_paths,
)
from allears.listen.opening import Opened
from allears.listen.plans import Limits, Plan
from allears.listen.platform import Platforms
from allears.listen.rawrows import raw_rows
from allears.listen.reading import BadRow, Context, Reading, Refusal, refuse
from allears.listen.recognise import SUFFIXES, recognise, suffix
from allears.listen.threads import Identity, Threads
from allears.listen.times import EPOCH

_WHOLE = ("nothing", "mail", "call")
_BATCH_BYTES = 64 * 1024 * 1024
_SAMPLE_BYTES = 1 << 18
_TORN_AT_ONCE = "the compressed file is torn: nothing of it can be read"


def plan_paths(path: Path) -> list[Path]:
    """List the files to read: the file itself, or all readable ones below a folder, in order of name.

    Raises
    ------
    NotFound
        There is no such file or folder.
    """
    if path.is_file() or is_maildir(path):
        return [path]
    if not path.is_dir():
        raise NotFound("no such file or folder", place=str(path))
    found = (
        p
        for p in path.rglob("*")
        if p.is_file() and not any(part.startswith(".") for part in p.parts[len(path.parts) :])
    )
    named = (p for p in found if suffix(p) in SUFFIXES and suffix(p) != ".txt")
    mail = [p for p in path.rglob("*") if is_maildir(p)]
    return sorted([*(p for p in named if not any(m in p.parents for m in mail)), *mail])


def plan_file(
    path: Path,
    channel: str | None = None,
    mapping: Mapping | None = None,
    limits: Limits | None = None,
    platforms: Platforms | None = None,
) -> Plan:
    """Look at a file: form, encoding, columns, mapping, and three rows as they will be read.

    Parameters
    ----------
    path
        CSV, TSV, JSON, NDJSON, Parquet, ``.eml``, mbox, a call's transcript or lines of text, plain or gzip; or a Maildir.
    channel
        Channel of all rows; worked out from the columns when None.
    mapping
        Used as it is when given, else worked out from the first 500 rows.
    limits
        Longest line and largest document held in memory.
    platforms
        Layouts of call platforms; those that ship when None.

    Raises
    ------
    NotFound
        There is no such file.
    """
    limits = limits or Limits()
    known = Platforms() if platforms is None else platforms
    if is_maildir(path):
        plan = Plan(path, "maildir", letters_bytes(path), channel=channel, limits=limits)
        return replace(plan, preview=_whole_preview(plan)[:3], mapping=mapping or Mapping())
    if not path.is_file():
        raise NotFound("no such file", place=str(path))
    try:
        with Opened(path) as opened:
            head = opened.head()
            plan = Plan(
                path,
                "nothing",
                path.stat().st_size,
                opened.gzip,
                channel=channel,
                limits=limits,
                platforms=known,
            )
            torn = opened.torn
    except OSError:
        raise WorldFailed("the file cannot be read", place=str(path)) from None
    plan = replace(plan, warnings=(_TORN_AT_ONCE,)) if torn and not head else recognise(plan, head)
    if plan.format in _WHOLE:
        plan = replace(plan, mapping=mapping or Mapping())
        shown = [] if plan.format == "nothing" else _whole_preview(plan)
        doubts = _call_doubts(shown) if plan.format == "call" else []
        return replace(plan, preview=shown[:3], warnings=(*plan.warnings, *doubts))
    rows = _sample(plan)
    found = mapping or infer(rows)
    plan = replace(plan, mapping=found, preview=preview(found, rows, _preview_context(plan)))
    return replace(plan, warnings=(*plan.warnings, *_doubts(found, mapping is not None, rows)))


def read_file(plan: Plan, context: Context, batch_rows: int = 20_000) -> Iterator[Reading]:
    """Read a planned file into arrivals, batch by batch, in bounded memory.

    Where the mapping knows which message a row answers, the file is read twice: the first time to learn the
    reply links, so that whole conversations share one thread.

    Returns
    -------
    iterator of Reading
        At least one; ``bytes_read`` grows to the file's size.
    """
    context = msgspec.structs.replace(context, channel=context.channel or plan.channel)
    gather = Gather(context)
    gather.count_repeats()
    refused: list[Refusal] = []
    threads = _learn_threads(plan) if plan.mapping.reply_to and plan.mapping.id else None
    mapper = Mapper(plan.mapping, gather, threads.root if threads else None)
    last = 0
    with open_plan(plan) as opened:
        for at, row, refusal in raw_rows(plan, opened):
            if refusal is not None:
                refused.append(refusal)
            elif row is not None:
                _add(gather, mapper, threads, at, row, refused, plan.format)
            if len(gather) >= batch_rows or opened.position() - last > _BATCH_BYTES:
                last = opened.position()
                yield Reading(gather.rows(), refused, last, gather.changes())
                refused = []
    yield Reading(gather.rows(), refused, plan.size, gather.changes())


def open_plan(plan: Plan) -> Opened | Letters:
    """Open what a plan is about."""
    return Letters(plan.path) if plan.format == "maildir" else Opened(plan.path)


def _add(
    gather: Gather,
    mapper: Mapper,
    threads: Threads | None,
    at: str,
    row: dict[str, Any] | bytes,
    refused: list[Refusal],
    format: str,
) -> None:
    if isinstance(row, bytes) and format == "call":
        try:
            cues = add_transcript(gather, row, at)
            refused += [msgspec.structs.replace(cue, place=f"{at}, {cue.place}") for cue in cues]
        except BROKEN_CALL as error:
            refused.append(refuse(error, at, row, "call"))
        return
    try:
        if isinstance(row, bytes):
            add_message(gather, row)
            return
        flat = flatten(row)
        parent = row_id(flat.get(mapper.mapping.reply_to or ""))
        mapper.add(flat, threads.customer(parent) if threads and parent else None)
    except BROKEN_MAIL as error:
        shown = error if isinstance(error, BadRow) else BadRow("not readable as e-mail")
        refused.append(
            refuse(
                shown,
                at,
                row if isinstance(row, bytes) else msgspec.json.encode(row),
                "mail" if isinstance(row, bytes) else "rows",
            )
        )


def _learn_threads(plan: Plan) -> Threads:
    threads = Threads()
    mapping = plan.mapping
    outbound = frozenset(mapping.outbound)
    with Opened(plan.path) as opened:
        for _, row, _refusal in raw_rows(plan, opened):
            if not isinstance(row, dict):
                continue
            try:
                flat = flatten(row)
            except BadRow:
                continue
            company = mapping.direction and str(flat.get(mapping.direction)).strip().lower() in outbound
            author: Identity = [] if company else _identity(mapping, flat)
            threads.learn(
                row_id(flat.get(mapping.id or "")), row_id(flat.get(mapping.reply_to or "")), author
            )
    return threads


def _identity(mapping: Mapping, flat: dict[str, Any]) -> Identity:
    return identifiers_of(flat, mapping.identifiers.items(), network_in(flat, mapping))


def _sample(plan: Plan) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with Opened(plan.path) as opened:
        for _, row, _refusal in raw_rows(plan, opened):
            if isinstance(row, dict):
                rows.append(row)
            if len(rows) >= SAMPLE_ROWS or (rows and opened.stream.tell() > _SAMPLE_BYTES * 64):
                break
    return rows


def _preview_context(plan: Plan) -> Context:
    later = EPOCH.replace(year=2100)
    return Context("preview", plan.channel, later, mapping=plan.mapping, platforms=plan.platforms)


def _whole_preview(plan: Plan) -> list[dict[str, Any]]:
    """Show what becomes of a few messages, or of a call."""
    gather = Gather(_preview_context(plan))
    with open_plan(plan) as opened:
        for at, row, _ in islice(raw_rows(plan, opened), 20):
            if row is not None and len(gather) < 3:
                _add(gather, Mapper(Mapping(), gather), None, at, row, [], plan.format)
    return shown_rows(gather.batch())


def _call_doubts(shown: list[dict[str, Any]]) -> list[str]:
    told = [msgspec.json.decode(row.get("properties") or "{}") for row in shown if row.get("name") == "call"]
    doubts = ["no speech could be read"] if not told else []
    for call in told:
        if call.get("turns_of_unknown_role"):
            doubts.append(
                f"{call['turns_of_unknown_role']} of {call['turns']} turns are by speakers whose role is not known, and count as nobody's words: "
                "name the company's in a mapping, outbound = [...]"
            )
        if call.get("start_assumed") == "arrival":
            doubts.append("no time of the call was found: the time of arrival counts")
    return doubts


def _doubts(mapping: Mapping, given: bool, rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["no row could be read for a preview"]
    doubts: list[str] = []
    if given:
        there = {column for row in rows for column in flatten(row)}
        named = used_paths(mapping) - {*mapping.ignore, *there}
        missing = sorted(path for path in named if "*" not in path)
        return [f"the first rows have no {', '.join(missing)}, which the mapping names"] if missing else []
    if mapping.text is None and mapping.rating is None:
        doubts.append("no text and no rating was found")
    if mapping.occurred_at is None:
        doubts.append("no time was found: the time of arrival counts")
    elif mapping.zone == "UTC":
        doubts.append("times carry no zone and are taken as UTC")
    if mapping.time_format == "mdy":
        doubts.append("dates are taken as month/day/year")
    if mapping.id is None:
        doubts.append("no id was found: a row is known by its content")
    if not mapping.identifiers:
        doubts.append("no author was found")
    return doubts
