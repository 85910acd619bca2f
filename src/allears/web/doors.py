"""The doors that take signals in: Segment's calls, OpenTelemetry, our own JSON. Answered only when durable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route

from allears.web.door import Door
from allears.web.hooks import hook_routes
from allears.web.intake import Intake
from allears.web.otlp import otlp_routes
from allears.web.segment import segment_routes

if TYPE_CHECKING:
    from allears.space import Space


def doors(space: Space) -> list[BaseRoute]:
    """List the routes that take signals in."""
    intake = Intake(space)
    return [
        *segment_routes(intake),
        *otlp_routes(intake),
        Route("/signals", SignalsDoor(intake)),
        *hook_routes(intake),
    ]


class SignalsDoor(Door):
    """Our own shape: an object, an array, or lines."""

    def prepare(self, body: bytes) -> tuple[str, bytes]:
        """Pass the body as it is."""
        return "signals", body


def busy(routes: list[BaseRoute]) -> dict[bytes, Door]:
    """Find the doors with a fixed path, which are worth a short way, by their path."""
    return {
        route.path.encode(): route.app
        for route in routes
        if isinstance(route, Route) and isinstance(route.app, Door)
    }
