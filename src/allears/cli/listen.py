"""Take files in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from cyclopts import Parameter
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.prompt import Confirm

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import NotFound, Refused

if TYPE_CHECKING:
    from allears.journey.take import Receipt
    from allears.listen.mapping import Mapping
    from allears.listen.plans import Plan

Channel = Literal[
    "email", "sms", "chat", "social", "review", "survey", "call", "web", "app", "ticket", "video", "store"
]


def listen(
    path: Path,
    /,
    *,
    source: Annotated[str, Parameter(help="What to call this source, such as twitter-airlines.")],
    channel: Annotated[Channel | None, Parameter(help="Which channel it is; default: worked out.")] = None,
    network: Annotated[
        str | None, Parameter(help="Whose handles they are, such as reddit; default: by mapping or source.")
    ] = None,
    map: Annotated[
        Path | None, Parameter(help="A mapping in TOML; default: worked out from the columns.")
    ] = None,
    save_map: Annotated[Path | None, Parameter(help="Write the mapping that was used to this file.")] = None,
    yes: Annotated[bool, Parameter(alias="-y", negative="", help="Do not ask.")] = False,
    digest: Annotated[bool, Parameter(help="Digest at once.")] = True,
    where: Where = HERE,
) -> None:
    """Take a file or a folder in: CSV, TSV, JSON, NDJSON, Parquet, .eml, mbox, Maildir, plain or gzip.

    It fails (exit code 1) when something was refused and nothing taken; one good row, or one taken before, is enough.

    Parameters
    ----------
    path
        A file or a folder.
    """
    if not path.exists():
        raise NotFound("no such file or folder", place=str(path))
    from allears.listen.mapping import write_mapping

    mapping = _mapping(map)
    ask = not (yes or where.json)
    with where.open() as space, _bar(quiet=where.json) as bar:
        tasks: dict[Path, Any] = {}

        def sure(plan: Plan) -> bool:
            if not where.json:
                _show_plan(plan)
            if save_map is not None:
                save_map.write_text(write_mapping(plan.mapping), "utf-8")
            go = not ask or Confirm.ask("take it in like this?", console=show.out, default=True)
            if go:
                tasks[plan.path] = bar.add_task(plan.path.name, total=plan.size, rate="")
                bar.start()
            return go

        def progress(file: Path, rows: int, read: int) -> None:
            task = tasks[file]
            elapsed = bar.tasks[task].elapsed or 0.001
            bar.update(task, completed=read, rate=f"{rows:,} rows  {rows / elapsed:,.0f} rows/s")

        receipt = space.listen(
            path,
            source=source,
            channel=channel,
            network=network,
            mapping=mapping,
            sure=sure,
            progress=progress,
        )
        bar.stop()
        done = space.digest() if digest and space.may_digest() else None
    if where.json:
        show.as_json(receipt)
        _fail_if_nothing(receipt)
        return
    show.out.print(
        f"[bold]{receipt.accepted:,}[/] accepted, {receipt.duplicates:,} duplicates, {receipt.changed:,} edited or deleted, {receipt.refused:,} refused"
    )
    show.rows(receipt.reasons[:5], title="refused", empty="")
    if done:
        show.out.print(
            f"digested: {done['stored']:,} stored, {done['issues']} issues new or grown", style="dim"
        )
    elif digest:
        show.out.print("another process digests this space; it takes over from here", style="dim")
    _fail_if_nothing(receipt)


def _fail_if_nothing(receipt: Receipt) -> None:
    if receipt.refused and not (receipt.accepted or receipt.duplicates or receipt.changed):
        raise show.Failed


def _mapping(path: Path | None) -> Mapping | None:
    if path is None:
        return None
    from allears.listen.mapping import read_mapping

    try:
        return read_mapping(path.read_text("utf-8"), str(path))
    except OSError:
        raise NotFound("no such mapping file", place="--map") from None
    except UnicodeDecodeError:
        raise Refused("expected UTF-8 text", place="--map") from None


def _show_plan(plan: Plan) -> None:
    show.out.print(f"[bold]{plan.path.name}[/]  {_form(plan)}")
    found = msgspec.to_builtins(plan.mapping)
    if found:
        show.rows([{"field": k, "column": _column(v)} for k, v in found.items()], title="mapping")
    if plan.preview:
        names = [n for n in plan.preview[0] if any(r.get(n) not in (None, "", [], {}) for r in plan.preview)]
        columns = {f"row {number}": row for number, row in enumerate(plan.preview[:3], start=1)}
        show.rows(
            [{"field": n} | {c: _short(r.get(n)) for c, r in columns.items()} for n in names],
            title="first rows, mapped",
        )
    for warning in plan.warnings:
        show.out.print(f"! {warning}", style="yellow")


def _form(plan: Plan) -> str:
    words = [
        plan.format,
        plan.encoding if plan.format in ("csv", "text") else "",
        "gzip" if plan.gzip else "",
    ]
    return " · ".join(w for w in words if w)


def _column(value: Any) -> str:
    return ", ".join(f"{k} as {v}" for k, v in value.items()) if isinstance(value, dict) else show.cell(value)


def _short(value: Any) -> str:
    if isinstance(value, list):
        value = [f"{pair['type']} {pair['value']}" if isinstance(pair, dict) else pair for pair in value]
    text = show.cell(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _bar(*, quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=show.err,
        disable=quiet,
        auto_refresh=True,
    )
