"""Channels: how each source stands, and which vendors may post to which."""

from __future__ import annotations

import json as json_
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import NotFound, Refused
from allears.show import words

if TYPE_CHECKING:
    from allears.listen.known_vendors import Vendors

channels = App(name="channels", help="How sources stand; vendors' webhooks: connect, list, try, remove.")


@channels.command
def add(
    source: str,
    /,
    *,
    vendor: Annotated[str, Parameter(help="Which vendor posts; `allears channels vendors` lists them.")],
    secret: Annotated[
        str | None,
        Parameter(
            help="Only `-`: read the secret from standard input, so that no shell history holds it.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    secret_env: Annotated[str | None, Parameter(help="Name of an environment variable with it.")] = None,
    secret_file: Annotated[Path | None, Parameter(help="A file with it.")] = None,
    url: Annotated[
        str | None,
        Parameter(
            help="The public address, where a proxy changes it and the vendor signs it (Twilio, HubSpot)."
        ),
    ] = None,
    where: Where = HERE,
) -> None:
    """Let a vendor post to a source of your own naming; prints where, and what to paste into the vendor's settings."""
    given = _secret(secret, secret_env, secret_file)
    with where.open() as space:
        made = space.add_channel(source, vendor, given, url=url)
    if where.json:
        show.as_json(made)
        return
    show.out.print(f"{source} listens at {url or made['path']}")
    show.out.print(made["setup"], style="dim", markup=False)
    if made["secret"]:
        show.out.print(f"token, shown once: {made['secret']}", soft_wrap=True)
    if made["verify_token"]:
        show.out.print(f"verify token: {made['verify_token']}", soft_wrap=True)


@channels.command(name="list")
def list_channels(*, where: Where = HERE) -> None:
    """List the sources that vendors post to, and how many requests were turned away for their signature."""
    with where.open() as space:
        found = space.channels()
    if where.json:
        show.as_json(found)
    else:
        show.rows(found, empty="no channel yet; `allears channels add SOURCE --vendor NAME`")


@channels.command
def remove(source: str, /, *, where: Where = HERE) -> None:
    """Let nobody post to a source any more; what came stays."""
    with where.open() as space:
        space.remove_channel(source)
    show.as_json({"removed": source}) if where.json else show.out.print(f"{source}: removed")


@channels.command(name="try")
def try_payload(
    vendor: str,
    payload: Path | None = None,
    /,
    *,
    header: Annotated[
        tuple[str, ...],
        Parameter(help="A header that the vendor sends, such as X-GitHub-Event:issues.", negative=""),
    ] = (),
    content_type: Annotated[str, Parameter(help="Content type; default: by the first byte.")] = "",
    where: Where = HERE,
) -> None:
    """Show what a payload would become. Nothing is kept, and no signature is asked for.

    Parameters
    ----------
    vendor
        A vendor that ships, or one of the space's folder `vendors`.
    payload
        A file as the vendor sends it: JSON, form-encoded or XML; `-` for standard input. Without one the adapter is
        held to the examples in its own file.
    """
    from allears.journey.hooks import try_examples, try_vendor
    from allears.listen.known_vendors import Vendors
    from allears.listen.platform import Platforms

    own = Platforms(_own(where, "platforms"))
    if payload is None:
        held = try_examples(Vendors(_own(where)), vendor, datetime.now(UTC), own)
        show.as_json(held) if where.json else show.rows(held)
        if not all(one["ok"] for one in held):
            raise show.Failed
        return
    try:
        body = sys.stdin.buffer.read() if str(payload) == "-" else payload.read_bytes()
    except OSError:
        raise NotFound("no such file", place="PAYLOAD") from None
    named = (one.partition(":") for one in header)
    headers = {name.strip().lower(): value.strip() for name, _, value in named}
    found = try_vendor(Vendors(_own(where)), vendor, body, content_type, headers, datetime.now(UTC), own)
    taken = any(found[kind] for kind in ("signals", "edits", "deletes"))
    if where.json:
        show.as_json(found)
    else:
        _show_tried(found)
    if found["refused"] and not taken:
        if where.json:
            raise show.Failed
        raise Refused("nothing in it would be taken in", place=vendor)


def _show_tried(found: dict[str, Any]) -> None:
    for kind in ("signals", "edits"):
        for number, row in enumerate(found[kind], 1):
            show.rows(
                [{"field": k, "value": _plain(v)} for k, v in row.items()], title=f"{kind[:-1]} {number}"
            )
    show.rows([{"deleted signal": one} for one in found["deletes"]], title="deletes", empty="")
    show.rows(found["refused"], title="refused", empty="")
    if not any(found[kind] for kind in ("signals", "edits", "deletes", "refused")):
        show.out.print("an event the adapter knows and leaves out")


@channels.command
def vendors(*, where: Where = HERE) -> None:
    """List the vendors that can be connected: those that ship, and the space's own."""
    from allears.listen.known_vendors import Vendors

    known = Vendors(_own(where))
    found = [_vendor(known, name) for name in known]
    show.as_json(found) if where.json else show.rows(found)


def _vendor(known: Vendors, name: str) -> dict[str, str]:
    try:
        vendor = known[name].vendor
    except (NotFound, Refused) as error:
        # One file of the space that is wrong hides no other vendor.
        return {"vendor": name, "title": "", "says": f"cannot be used: {error.message}", "signature": ""}
    signature = ", ".join(one.scheme for one in vendor.signature)
    return {"vendor": name, "title": vendor.title, "says": vendor.says, "signature": signature}


@channels.command
def health(*, where: Where = HERE) -> None:
    """Show how fresh each source is, its volume against what was expected, and what it refused."""
    with where.open() as space:
        found = space.health()
    if where.json:
        show.as_json(found)
        return
    if found:
        show.out.print(f"as of {words.time(found[0]['cutoff'])}", style="dim")
    show.rows(
        [
            {
                "source": row["source"],
                "stands": row["state"],
                "last": words.ago(row["last_at"], row["cutoff"]),
                "24 hours, of expected": _volume(row["day"]),
                "7 days, of expected": _volume(row["week"]),
                "refused": _percent(row["refused"]),
                "twice": _percent(row["duplicates"]),
                "known": _percent(row["known"]),
                "budgets left": ", ".join(
                    f"{o['objective']} {o['budget_left']['estimate']:.0f} %"
                    for o in row["objectives"]
                    if o["budget_left"]
                ),
                "fields": ", ".join(f"{len(names)} {what}" for what, names in row["drift"].items() if names),
            }
            for row in found
        ],
        empty="no source was heard of yet; `allears listen FILE --source NAME` takes a file in",
    )


def _percent(row: dict[str, Any]) -> str:
    return f"{row['estimate']:.1f} %" if row["estimate"] is not None else ""


def _volume(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{row['observed']:,} of {words.interval(row)}"


def _own(where: Where, what: str = "vendors") -> Path | None:
    try:
        return where.folder() / what
    except NotFound:
        return None


def _secret(secret: str | None, env: str | None, file: Path | None) -> str | None:
    if sum(one is not None for one in (secret, env, file)) > 1:
        raise Refused("expected one of --secret, --secret-env, --secret-file", place="--secret")
    if secret is not None and secret != "-":
        raise Refused(
            "a secret on the command line is seen by everybody on this machine; use `-`", place="--secret"
        )
    if secret == "-":
        return sys.stdin.readline().strip() or None
    if env is not None:
        if not os.environ.get(env):
            raise NotFound("no such environment variable, or it is empty", place="--secret-env")
        return os.environ[env]
    if file is not None:
        try:
            return file.read_text("utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            raise NotFound("no such readable file", place="--secret-file") from None
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [f"{one['type']} {one['value']}" if isinstance(one, dict) else one for one in value]
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json_.loads(value)
        except ValueError:
            return value
    return value
