"""Pull from other places: once, or see how the pulls stand."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import App, Parameter
from rich.prompt import Prompt

from allears.cli import show
from allears.cli.numbers import PerMinute
from allears.cli.where import HERE, Where
from allears.errors import Refused
from allears.settings import PullSettings

if TYPE_CHECKING:
    from allears.journey import Receipt

pulls = App(name="pulls", help="The places that are pulled from: [[pull]] in allears.toml.")


def pull(
    name: str,
    /,
    *,
    look: Annotated[
        bool, Parameter(name="--try", negative="", help="Show the first rows, mapped; keep nothing.")
    ] = False,
    follow: Annotated[
        bool, Parameter(negative="", help="Go on until Ctrl-C, where the kind can (streams, IMAP).")
    ] = False,
    source: Annotated[
        str | None, Parameter(help="Pull without a [[pull]]: what to call the source; NAME is then a kind.")
    ] = None,
    url: Annotated[str | None, Parameter(help="With --source: where.")] = None,
    set: Annotated[
        tuple[str, ...], Parameter(negative="", help="With --source: an option of the kind, NAME=VALUE.")
    ] = (),
    module: Annotated[
        str | None, Parameter(help="With --source and the kind dlt: MODULE:FUNCTION that gives a dlt source.")
    ] = None,
    map: Annotated[
        str | None, Parameter(help="With --source: a mapping in TOML, in the space's folder.")
    ] = None,
    secret_env: Annotated[
        str | None, Parameter(help="With --source: environment variable with its key.")
    ] = None,
    per_minute: Annotated[
        PerMinute, Parameter(help="With --source: most requests a minute; 0: as the kind says.")
    ] = 0.0,
    allow_private: Annotated[
        bool, Parameter(negative="", help="With --source: addresses inside your own network may be asked.")
    ] = False,
    digest: Annotated[bool, Parameter(help="Digest at once.")] = True,
    where: Where = HERE,
) -> None:
    """Pull what is new from a place named in allears.toml, or from `KIND --source NAME`; the next pull goes on from there.

    Parameters
    ----------
    name
        Name of a [[pull]], or with --source a kind: `allears pulls kinds` lists them.
    """
    given = None
    if source is not None:
        given = _given(
            name,
            source,
            _options(set, module),
            url=url,
            mapping=map,
            secret_env=secret_env,
            per_minute=per_minute,
            allow_private=allow_private,
        )
        name = source
    elif url or set or module or map or secret_env or per_minute or allow_private:
        raise Refused("these options go with --source; a [[pull]] has them in allears.toml", place="--source")
    with where.open() as space:
        if look:
            rows, refused = space.look(name, given=given)
            _show_look(rows, refused, as_json=where.json)
            return
        stop = threading.Event()
        with _telling(quiet=where.json) as tell, _until_interrupted(stop):
            receipt = space.pull(name, given=given, follow=follow, stop=stop, progress=tell)
        done = space.digest() if digest and space.may_digest() else None
    if where.json:
        show.as_json(receipt)
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
    if given is not None:
        show.out.print("to have `allears serve` go on with it, put this into allears.toml:", style="dim")
        show.out.print(as_toml(given), markup=False, highlight=False)


@pulls.default
def list_pulls(*, where: Where = HERE) -> None:
    """List the configured pulls and how each stands."""
    with where.open() as space:
        found = space.pulls()
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found,
                empty="nothing is pulled yet; `allears pulls kinds` says what there is to add to allears.toml",
            )


@pulls.command
def kinds(*, where: Where = HERE) -> None:
    """List the kinds of places."""
    from allears.listen.pull.kinds import kinds as known

    found = [{"kind": name, "what": says} for name, says in sorted(known().items())]
    show.as_json(found) if where.json else show.rows(found)


@pulls.command
def secret(name: str, /, *, where: Where = HERE) -> None:
    """Seal a pull's password or key in the space: asked for, or read from a pipe.

    Parameters
    ----------
    name
        Name of a [[pull]].
    """
    from allears.journey.pulling import seal_secret, setting

    with where.open() as space:
        setting(space.ground, name)
        given = Prompt.ask("secret", password=True) if sys.stdin.isatty() else sys.stdin.readline()
        if not given.strip():
            raise Refused("expected a secret", place=name)
        seal_secret(space.ground, name, given.strip())
        space.ground.audit.record(space.actor, "pull.secret", name)
        show.as_json({"sealed": name}) if where.json else show.out.print("sealed")


@pulls.command
def again(name: str, /, *, where: Where = HERE) -> None:
    """Forget how far a pull has come: the next one begins anew; what is stored does not count again.

    Parameters
    ----------
    name
        Name of a [[pull]].
    """
    from allears.journey.pulling import forget_cursor

    with where.open() as space:
        forget_cursor(space.ground, name)
        show.as_json({"again": name}) if where.json else show.out.print("the next pull begins anew")


def _options(pairs: tuple[str, ...], module: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Refused("expected NAME=VALUE", place="--set")
        options[name] = value
    return options | ({"module": module} if module else {})


def _given(kind: str, source: str, options: dict[str, Any], **more: Any) -> PullSettings:
    told = {"name": source, "kind": kind, "options": options} | {k: v for k, v in more.items() if v}
    try:
        return msgspec.convert(told, PullSettings)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place="--source") from None


def as_toml(given: PullSettings) -> str:
    """Write a pull as it stands in allears.toml.

    Examples
    --------
    >>> print(as_toml(PullSettings(name="help", kind="zendesk", options={"subdomain": "acme"})))
    [[pull]]
    name = "help"
    kind = "zendesk"
    options = { subdomain = "acme" }
    """
    lines = ["[[pull]]"]
    for name, value in msgspec.to_builtins(given).items():
        if isinstance(value, dict):
            inner = ", ".join(f"{k} = {msgspec.json.encode(v).decode()}" for k, v in value.items())
            lines.append(f"{name} = {{ {inner} }}")
        else:
            lines.append(f"{name} = {msgspec.json.encode(value).decode()}")
    return "\n".join(lines)


def _show_look(rows: list[dict[str, Any]], refused: list[dict[str, str]], *, as_json: bool) -> None:
    if as_json:
        show.as_json({"rows": rows, "refused": refused})
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    shown = [
        {"field": n} | {f"row {i}": show.cell(r.get(n))[:60] for i, r in enumerate(rows, 1)} for n in names
    ]
    show.rows(shown, title="first rows, mapped", empty="nothing new there")
    show.rows(refused, title="refused", empty="")


@contextmanager
def _telling(*, quiet: bool) -> Iterator[Any]:
    with show.err.status("asking ...") as status:
        if quiet:
            status.stop()

        def tell(receipt: Receipt) -> None:
            status.update(
                f"{receipt.accepted:,} accepted, {receipt.duplicates:,} duplicates, {receipt.changed:,} edited or deleted, {receipt.refused:,} refused"
            )

        yield tell


@contextmanager
def _until_interrupted(stop: threading.Event) -> Iterator[None]:
    import signal

    # The present page is finished and the cursor saved before a first Ctrl-C ends the pull; a second one ends it at once.
    def ask(_number: int, _frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
