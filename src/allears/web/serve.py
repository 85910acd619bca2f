"""``allears serve``: the doors, the digest and the pages in one process, or part of them."""

from __future__ import annotations

import gc
import socket
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import uvicorn
from cyclopts import Parameter, validators

from allears.errors import Refused, WorldFailed
from allears.settings import FILE
from allears.web.app import PARTS, build
from allears.web.straight import straight
from allears.web.who import OneTime

if TYPE_CHECKING:
    from allears.space import Space


def serve(
    *,
    host: Annotated[str, Parameter(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[
        int, Parameter(help="Port; 0 for any free one.", validator=validators.Number(gte=0, lte=65_535))
    ] = 8765,
    role: Annotated[str, Parameter(help="all, or parts of it by comma: listen, digest, web.")] = "all",
    open: Annotated[bool, Parameter(negative="", help="Open the page in a browser.")] = False,
    space: Annotated[
        Path | None, Parameter(help="The space's folder; default: the nearest allears.toml upwards.")
    ] = None,
) -> None:
    """Serve the doors that listen, the API and the pages."""
    from allears.space import Space

    with Space.open(space or nearest(), create=False) as opened:
        run(opened, host=host, port=port, parts=parts_of(role), browse=open)


def run(space: Space, *, host: str, port: int, parts: frozenset[str], browse: bool = False) -> None:
    """Serve an open space until stopped."""
    sock = _bind(host, port)
    address = f"http://{host}:{sock.getsockname()[1]}"
    if "digest" in parts:
        space.digester  # noqa: B018 - takes the digest lock now, so that a second server says so before it answers anybody
        space.require_rules()
    once = OneTime()
    if not space.keys.list() and "listen" in parts:
        text, record = space.keys.make("engineer", "first")
        space.ground.audit.record(space.actor, "key.new", record.name, why="first start")
        print(f"first API key, shown once: {text}")
    app = build(space, parts=parts, once=once, host=host)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=straight(space.settings.listen, app.state.doors if "listen" in parts else {}),
            log_level="warning",
            access_log=False,
        )
    )
    if "web" in parts:
        link = f"{address}/once/{once.make()}"
        print(f"open the pages, once: {link}")
        if browse:
            webbrowser.open(link)
    print(f"listening on {address}")
    sys.stdout.flush()
    # What is there now stays: the collector need not look at it again and again while requests come and go.
    gc.freeze()
    try:
        server.run(sockets=[sock])
    finally:
        gc.unfreeze()


def parts_of(role: str) -> frozenset[str]:
    """Read which parts to serve.

    Examples
    --------
    >>> sorted(parts_of("listen,digest"))
    ['digest', 'listen']
    """
    parts = PARTS if role == "all" else frozenset(part.strip() for part in role.split(","))
    if not parts <= PARTS:
        raise Refused(f"expected all, or some of {', '.join(sorted(PARTS))}", place="--role")
    return parts


def nearest() -> Path:
    """Find the space's folder here or above."""
    from allears.errors import NotFound

    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFound(
        f"no {FILE} here or above; `allears new DIR` makes a space, --space DIR names one", place=str(here)
    )


def _bind(host: str, port: int) -> socket.socket:
    try:
        sock = socket.create_server((host, port), backlog=1024)
    except OSError as error:
        raise WorldFailed(f"cannot listen there: {error.strerror}", place="--port", again=True) from None
    except OverflowError:
        raise Refused("expected a port from 0 to 65535", place="--port") from None
    return sock
