"""segment stays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "segment_stays",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("segment", sa.String(length=64), nullable=False),
        sa.Column("customer", sa.String(length=24), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("how", sa.String(length=12), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.String(length=12), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment_stays")),
    )
    with op.batch_alter_table("segment_stays", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_segment_stays_customer"), ["customer"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_segment_stays_segment_left_at"), ["segment", "left_at"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("segment_stays", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_segment_stays_segment_left_at"))
        batch_op.drop_index(batch_op.f("ix_segment_stays_customer"))

    op.drop_table("segment_stays")
