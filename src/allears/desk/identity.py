"""Who is who: identifiers, the links between them, what changed, and sealed profiles. Digests only, never a value in clear."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from allears.desk.base import Base


class IdentityRevision(Base):
    """One row: how often who-is-who changed, so that each process knows whether what it remembers is still true."""

    __tablename__ = "identity_revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(default=0)
    forgotten: Mapped[int] = mapped_column(
        default=0
    )  # revision of the last erasure: older memories must be read anew


class Identifier(Base):
    """One identifier and the customer it belongs to now."""

    __tablename__ = "identifiers"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    type: Mapped[str] = mapped_column(String(16))
    customer: Mapped[str] = mapped_column(String(24), index=True)
    relationship: Mapped[str] = mapped_column(String(16))
    told: Mapped[str] = mapped_column(
        String(16)
    )  # what was said of this identifier itself; its customer's is the highest
    first_seen_at: Mapped[datetime]
    since: Mapped[datetime]  # when it came to this customer
    shared: Mapped[bool] = mapped_column(default=False)  # used by too many people: joins nobody
    turned_away: Mapped[int] = mapped_column(default=0)  # links not kept because it had enough
    revision: Mapped[int] = mapped_column(index=True)


class Edge(Base):
    """Two identifiers seen together, or joined by a steward: the truth that customers follow from."""

    __tablename__ = "identity_edges"

    left: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    right: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    steward: Mapped[bool] = mapped_column(
        primary_key=True
    )  # may stand beside what events say of the same pair
    source: Mapped[str] = mapped_column(String(200))
    seen_at: Mapped[datetime]
    rule_version: Mapped[int]
    weight_bits: Mapped[float] = mapped_column(Float)
    refused: Mapped[str | None] = mapped_column(String(80))  # why it does not hold; null while it does
    removed_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(index=True)


class IdentityHistory(Base):
    """A customer that an identifier belonged to before."""

    __tablename__ = "identity_history"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), index=True)
    type: Mapped[str] = mapped_column(String(16))
    customer: Mapped[str] = mapped_column(String(24), index=True)
    relationship: Mapped[str] = mapped_column(String(16))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]


class StewardAct(Base):
    """A merge, a cut or a keeping apart by hand, by whom and why, and when it was undone."""

    __tablename__ = "identity_acts"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    act: Mapped[str] = mapped_column(String(8))  # merge, cut or apart
    left: Mapped[str] = mapped_column(String(64))  # digests
    right: Mapped[str] = mapped_column(String(64))
    why: Mapped[str] = mapped_column(String(1000))
    actor: Mapped[str] = mapped_column(String(200))
    done_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(String(200))


class Apart(Base):
    """Who is kept apart by an act of a steward: all identifiers of the two customers at the time; what is on one side joins none of the other."""

    __tablename__ = "identity_aparts"

    act: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    identifier: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    right: Mapped[bool]
    revision: Mapped[int] = mapped_column(index=True)


class Profile(Base):
    """What is known of a person, sealed under the key of the customer id it was learnt for."""

    __tablename__ = "identity_profiles"

    subject: Mapped[str] = mapped_column(String(24), primary_key=True)
    customer: Mapped[str] = mapped_column(
        String(24), index=True
    )  # today's; several subjects may be one customer
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    learnt_at: Mapped[datetime]


class ProbableLink(Base):
    """Two customers that are probably one, found by what they told: what each field added, and what became of it. No value."""

    __tablename__ = "identity_probable"

    id: Mapped[int] = mapped_column(primary_key=True)
    left: Mapped[str] = mapped_column(String(24), index=True)  # customers when it was found
    right: Mapped[str] = mapped_column(String(24), index=True)
    bits: Mapped[float] = mapped_column(Float)
    why: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16), index=True)  # waiting, joined, refused or forbidden
    act: Mapped[str | None] = mapped_column(
        String(40), index=True
    )  # the merge that joined them, or what keeps them apart
    note: Mapped[str] = mapped_column(String(200), default="")
    method: Mapped[str] = mapped_column(String(24))
    found_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(200))
