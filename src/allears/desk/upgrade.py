"""Bring a desk to the newest form, by numbered migrations."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from allears.desk.base import Desk
from allears.errors import Refused

if TYPE_CHECKING:
    from alembic.config import Config

MODELS = (
    "listening",
    "pulling",
    "hooks",
    "keys",
    "access",
    "audit",
    "identity",
    "work",
    "asking",
    "rights",
    "breaches",
    "judging",
    "consent",
    "digesting",
    "segments",
    "accounts",
)
FOLDER = Path(__file__).parent / "migrations"


def upgrade(desk: Desk) -> None:
    """Run the migrations that are missing; a desk that is up to date costs one query.

    Raises
    ------
    Refused
        The desk was made by a newer version of Allears.
    """
    load_models()
    with desk.reading() as session:
        found = version(session.connection())
        if found == newest():
            return
        if found is not None and found > newest():
            raise Refused(
                f"this space was made by a newer Allears (desk {found}, here {newest()})", place="desk"
            )
    with desk.session() as session:
        connection = session.connection()
        # Looked at again inside the lock: two processes may have started together.
        if version(connection) != newest():
            from alembic import command

            command.upgrade(config(connection), "head")


def version(connection: Connection) -> str | None:
    """Read which migration a desk has reached; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def newest() -> str:
    """Name the newest migration: files are numbered."""
    return max(path.stem.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def config(connection: Connection) -> Config:
    """Make Alembic's configuration for a connection."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.attributes["connection"] = connection
    return made


def load_models() -> None:
    """Import every model, so that the metadata is whole."""
    for name in MODELS:
        importlib.import_module(f"allears.desk.{name}")
