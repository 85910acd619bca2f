"""audit tree."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("size", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_audit_nodes")),
    )
    _grow(op.get_bind())


def _grow(connection: sa.Connection) -> None:
    """Make the tree of the entries that are there already."""
    nodes = sa.table("audit_nodes", sa.column("level"), sa.column("position"), sa.column("hash"))
    held: dict[tuple[int, int], bytes] = {}
    hashes = connection.execute(sa.text("SELECT hash FROM audit_entries ORDER BY number")).scalars().all()
    for index, hashed in enumerate(hashes):
        made = held[0, index] = hashlib.sha256(b"\0" + bytes.fromhex(hashed)).digest()
        level, position = 0, index
        while position & 1:
            made = hashlib.sha256(b"\1" + held[level, position - 1] + made).digest()
            level, position = level + 1, position >> 1
            held[level, position] = made
    rows = [{"level": level, "position": at, "hash": made} for (level, at), made in held.items() if level]
    if rows:
        connection.execute(sa.insert(nodes), rows)


def downgrade() -> None:
    op.drop_table("audit_nodes")
    op.drop_table("audit_heads")
