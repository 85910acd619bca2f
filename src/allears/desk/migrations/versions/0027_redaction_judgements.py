"""redaction judgements."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "redaction_judgements",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("text", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redaction_judgements")),
        sa.UniqueConstraint("text", name=op.f("uq_redaction_judgements_text")),
    )
    with op.batch_alter_table("redaction_judgements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_redaction_judgements_method"), ["method"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("redaction_judgements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_redaction_judgements_method"))

    op.drop_table("redaction_judgements")
