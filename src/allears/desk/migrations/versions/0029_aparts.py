"""who is kept apart, and pairs that were refused before."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # An act's number is told to people: it is not given again when the act went with somebody who was erased.
        with op.batch_alter_table(
            "identity_acts", recreate="always", table_kwargs={"sqlite_autoincrement": True}
        ):
            pass
    op.create_table(
        "identity_aparts",
        sa.Column("act", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identifier", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("right", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("act", "identifier", name=op.f("pk_identity_aparts")),
    )
    with op.batch_alter_table("identity_aparts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identity_aparts_revision"), ["revision"], unique=False)
    _keep_refused_apart(op.get_bind())


def _keep_refused_apart(connection: sa.Connection) -> None:
    """Make of each refused pair what refusing one makes from now on; pairs that are one customer today stay as they are."""
    probable, acts, aparts, identifiers = (
        sa.Table(name, sa.MetaData(), autoload_with=connection)
        for name in ("identity_probable", "identity_acts", "identity_aparts", "identifiers")
    )
    revision = connection.scalar(sa.text("SELECT max(revision) FROM identity_revision")) or 0
    refused = sa.select(probable).where(probable.c.state == "refused").order_by(probable.c.id)
    kept: dict[frozenset[str], int] = {}
    for pair in connection.execute(refused).all():
        left, right = (_named(connection, identifiers, customer) for customer in (pair.left, pair.right))
        if left is None or right is None or left.customer == right.customer:
            # A merge that was taken back, long ago, keeps nobody apart.
            connection.execute(sa.update(probable).where(probable.c.id == pair.id).values(act=None))
            continue
        both = frozenset((left.customer, right.customer))
        if both not in kept:
            made = sa.insert(acts).values(
                act="apart", left=left.digest, right=right.digest, why=pair.note or "refused", actor=pair.decided_by or "",
                done_at=pair.decided_at or pair.found_at,
            )  # fmt: skip
            kept[both] = connection.execute(made.returning(acts.c.id)).scalar_one()
            for side in (left, right):
                members = sa.select(identifiers.c.number).where(identifiers.c.customer == side.customer)
                rows = [
                    {"act": kept[both], "identifier": number, "right": side is right, "revision": revision}
                    for number in connection.scalars(members).all()
                ]
                connection.execute(sa.insert(aparts), rows)
        noted = sa.update(probable).where(probable.c.id == pair.id)
        connection.execute(noted.values(act=f"apart_{kept[both]}"))


def _named(connection: sa.Connection, identifiers: sa.Table, customer: str) -> sa.Row[Any, Any] | None:
    """Find the identifier that a customer's id was made of, and whose it is today."""
    digits = customer.removeprefix("c_")
    wanted = sa.select(identifiers.c.digest, identifiers.c.customer).where(
        identifiers.c.digest >= digits, identifiers.c.digest < digits + "g"
    )
    return connection.execute(wanted.limit(1)).first()


def downgrade() -> None:
    op.execute("DELETE FROM identity_acts WHERE act = 'apart'")
    op.drop_table("identity_aparts")
