"""aliases in the place of digests.

No table changes here: rows are turned where the key is known, when the space is opened (`allears.guard.aliases`). The number
keeps earlier versions out, which would take aliases for digests of nobody and honour no objection.
"""

from __future__ import annotations

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
