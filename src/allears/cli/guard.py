"""Guard: keys, users, erasure."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter
from rich.prompt import Prompt

from allears.cli import show
from allears.cli.numbers import Lasting, Most
from allears.cli.rotate import ages, rotate
from allears.cli.where import HERE, Where
from allears.guard.keys import lasting, state_of

RoleName = Literal["cio", "analyst", "agent", "engineer", "privacy", "partner", "sender"]
ScopeName = Literal["listen", "read", "act", "originals", "admin"]

keys = App(name="keys", help="API keys for scripts and senders; new keys under what is sealed.")
keys.command(rotate)
keys.command(ages)
users = App(name="users", help="People who may log in to the pages.")


@keys.command(name="new")
def new_key(
    *,
    role: RoleName,
    name: str = "script",
    partner: str | None = None,
    sight: Annotated[
        str | None, Parameter(help="Which sight of access.toml it has; default: its role's.")
    ] = None,
    scope: Annotated[
        list[ScopeName] | None,
        Parameter(negative="", help="What of its role it may use; once for each. Default: all of it."),
    ] = None,
    days: Annotated[Lasting | None, Parameter(help="Days until it ends by itself; default: never.")] = None,
    per_minute: Annotated[Most | None, Parameter(help="Most requests a minute; default: no limit.")] = None,
    where: Where = HERE,
) -> None:
    """Make a key; it is shown once."""
    with where.open() as space:
        space.require_sight(sight)
        text, record = space.keys.make(
            role,
            name,
            partner=partner,
            sight=sight,
            scopes=scope or (),
            per_minute=per_minute,
            valid_for=lasting(days),
            at=space.now(),
        )
        space.ground.audit.record(
            space.actor,
            "key.new",
            record.id,
            detail={"role": role, "scopes": " ".join(record.scopes), "sight": sight or ""},
        )
        if where.json:
            told = {"id": record.id, "role": role, "name": name, "scopes": list(record.scopes)}
            show.as_json({"key": text, **told})
        else:
            show.out.print(text)
            show.err.print("kept nowhere in clear: note it now", style="dim")


@keys.command(name="list")
def list_keys(*, where: Where = HERE) -> None:
    """List keys, without the keys."""
    with where.open() as space:
        found = [msgspec.structs.asdict(k) for k in space.keys.list()]
        if where.json:
            show.as_json(found)
        else:
            at = space.now()
            shown = [
                {
                    "id": k.id,
                    "name": k.name,
                    "may": f"{k.role}{f' {k.partner or k.sight}' if k.partner or k.sight else ''}: {', '.join(k.scopes) or 'all of it'}",
                    "a minute": k.per_minute,
                    "used": k.used_at.date() if k.used_at else None,
                    "state": state_of(k, at),
                }
                for k in space.keys.list()
            ]
            show.rows(shown, empty="no key yet; `allears keys new --role engineer`")


@keys.command
def revoke(key_id: str, /, *, where: Where = HERE) -> None:
    """End a key."""
    with where.open() as space:
        space.keys.revoke(key_id, at=space.now())
        space.ground.audit.record(space.actor, "key.revoke", key_id)
        if where.json:
            show.as_json({"revoked": key_id})
        else:
            show.out.print("revoked")


@users.command
def add(
    name: str,
    /,
    *,
    role: RoleName,
    partner: str | None = None,
    sight: Annotated[
        str | None, Parameter(help="Which sight of access.toml they have; default: their role's.")
    ] = None,
    from_stdin: Annotated[
        bool, Parameter(negative="", help="Read the password from standard input, for scripts.")
    ] = False,
    where: Where = HERE,
) -> None:
    """Let a person log in, or give one a new role and password; asks for the password."""
    password = sys.stdin.readline().rstrip("\n") if from_stdin else Prompt.ask("password", password=True)
    with where.open() as space:
        space.require_sight(sight)
        space.logins.add(name, password, role, partner=partner, sight=sight, at=space.now())
        space.ground.audit.record(
            space.actor, "user.add", name, detail={"role": str(role), "sight": sight or ""}
        )
        show.as_json({"user": name, "role": role}) if where.json else show.out.print(
            f"{name} may log in as {role}"
        )


@users.command(name="list")
def list_users(*, where: Where = HERE) -> None:
    """List who may log in, and as what."""
    with where.open() as space:
        found = [msgspec.structs.asdict(u) for u in space.logins.list()]
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found,
                ("name", "role", "partner", "sight", "made_at", "disabled_at", "factor_since"),
                empty="nobody yet; `allears users add NAME --role ROLE`",
            )


@users.command
def disable(name: str, /, *, where: Where = HERE) -> None:
    """Keep a person out from now on; open sessions end. `users add` lets them in again."""
    with where.open() as space:
        space.logins.disable(name)
        space.ground.audit.record(space.actor, "user.disable", name)
        show.as_json({"user": name, "state": "disabled"}) if where.json else show.out.print(
            f"{name} may no longer log in"
        )


@users.command
def remove(name: str, /, *, where: Where = HERE) -> None:
    """Forget a person who could log in; open sessions end, the audit stays."""
    with where.open() as space:
        space.logins.remove(name)
        space.ground.audit.record(space.actor, "user.remove", name)
        show.as_json({"user": name, "state": "removed"}) if where.json else show.out.print(
            f"{name} is removed"
        )


@users.command
def factor(
    name: str,
    /,
    *,
    code: Annotated[str | None, Parameter(help="Its first code, which switches it on.")] = None,
    off: Annotated[bool, Parameter(negative="", help="Take it away, such as when it is lost.")] = False,
    where: Where = HERE,
) -> None:
    """Set up a person's second factor: the secret first, then again with `--code`; recovery codes are shown once."""
    with where.open() as space:
        audit = space.ground.audit.record
        if off:
            space.factors.end(name)
            audit(space.actor, "factor.end", name)
            show.as_json({"user": name, "factor": "off"}) if where.json else show.out.print("taken away")
            return
        if code is not None:
            made = space.factors.confirm(name, code)
            audit(space.actor, "factor.on", name)
            show.as_json({"user": name, "recovery_codes": made}) if where.json else show.out.print(
                "\n".join(made)
            )
            return
        begun = space.factors.begin(name)
        if where.json:
            show.as_json({"user": name, "secret": begun.secret, "uri": begun.uri})
            return
        if show.out.is_terminal:
            import segno

            segno.make(begun.uri, error="l").terminal(compact=True)
        show.out.print(f"secret for the authenticator: {begun.secret}")
        show.err.print(f"then: allears users factor {name} --code CODE", style="dim")


@users.command
def sessions(name: str | None = None, /, *, where: Where = HERE) -> None:
    """List who is logged in, and since when; of one user, or of all."""
    with where.open() as space:
        found = [msgspec.structs.asdict(s) for s in space.sessions.of(name)]
        show.as_json(found) if where.json else show.rows(
            found, ("id", "user", "started_at", "seen_at", "expires_at"), empty="nobody is logged in"
        )


@users.command
def end(name: str, /, *, session: str | None = None, where: Where = HERE) -> None:
    """End a person's log-ins, all or one; who has a password may log in again.

    Parameters
    ----------
    session
        The id of one, from `allears users sessions`.
    """
    with where.open() as space:
        if session is None:
            ended = space.sessions.end_all(name)
        else:
            space.sessions.end_one(name, session)
            ended = 1
        space.ground.audit.record(space.actor, "session.end", name, detail={"sessions": ended})
        show.as_json({"user": name, "ended": ended}) if where.json else show.out.print(f"{ended} ended")
