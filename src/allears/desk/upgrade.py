"""Bring a desk to the newest form."""

from __future__ import annotations

import importlib

from allears.desk.base import Base, Desk

MODELS = ("listening", "keys", "access", "audit", "identity", "work")


def upgrade(desk: Desk) -> None:
    """Create what is missing."""
    for name in MODELS:
        try:
            importlib.import_module(f"allears.desk.{name}")
        except ModuleNotFoundError:
            continue
    Base.metadata.create_all(desk.engine)
