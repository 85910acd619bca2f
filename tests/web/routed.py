"""Every route of the application, read from its routers, also those of what is mounted in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount

from allears.web.nowhere import Nowhere

# What changes with a version or a content is no part of a route's name.
_VERSIONS = ((re.compile(r"(/_nicegui/)[0-9][0-9.a-z]*"), r"\1*"), (re.compile(r"-[0-9a-f]{12}\."), "-*."))


def routes(app: FastAPI) -> dict[str, str]:
    """Name every route, with its path as it is; what is mounted and is no router is named with ``/*``."""
    return {_named(path): path for path in _walk(app.router.routes, "")}


def _walk(found: Iterable[BaseRoute], before: str) -> Iterator[str]:
    for route in found:
        if isinstance(route, Mount):
            if route.routes:
                yield from _walk(route.routes, before + route.path)
            else:
                yield f"{before}{route.path}/*"
        elif isinstance(route, Nowhere):
            continue
        elif hasattr(route, "path"):
            yield before + route.path
        elif hasattr(route, "effective_candidates"):
            # What FastAPI makes of `include_router`.
            yield from _walk(route.effective_candidates(), before)
        else:
            raise AssertionError(f"a kind of route that nobody looks into: {type(route).__name__}")


def _named(path: str) -> str:
    for pattern, instead in _VERSIONS:
        path = pattern.sub(instead, path)
    return path
