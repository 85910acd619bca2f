"""How Alembic reaches a desk: through the connection that `allears.desk.upgrade` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from allears.desk.base import Base, Moment
from allears.desk.upgrade import load_models


def _render(kind: str, thing: Any, _: Any) -> str | Literal[False]:
    # A migration must not change when our type does.
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, Moment) else False


load_models()
connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
