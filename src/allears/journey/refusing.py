"""What is not accepted is kept, sealed, with place and reason, so that it can be looked at and tried again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select

from allears.desk.listening import RefusedRow
from allears.journey.ground import Ground
from allears.journey.heard import note_count
from allears.listen.reading import Refusal

INBOX = "inbox"
"""In the place of a source: what the disk damaged in the inbox is kept in ``refused`` as well, but nobody sent it so."""


def keep_refused(
    ground: Ground, refusals: Iterable[Refusal], *, source: str, channel: str | None, at: datetime
) -> None:
    """Keep refused rows, sealed, with place and reason."""
    found = list(refusals)
    # The id follows from the content, so that the same bad row handed in again is still one refused row.
    ids = ground.vault.digest("refused", [f"{source}\0{r.place}\0{r.payload.hex()}" for r in found])
    rows = {
        refused: RefusedRow(
            refused=refused,
            source=source,
            channel=channel,
            place=refusal.place[:500],
            reason=refusal.reason[:500],
            door=refusal.format,
            payload=ground.vault.seal_space(refusal.payload, "refused", refused),
            received_at=at,
        )
        for refused, refusal in zip(ids, found, strict=True)
    }
    if rows:
        with ground.desk.session() as session:
            for start in range(0, len(ids), 500):
                known = select(RefusedRow.refused).where(RefusedRow.refused.in_(ids[start : start + 500]))
                for refused in session.scalars(known):
                    rows.pop(refused, None)
            session.add_all(rows.values())
            note_count(session, source, at, refused=len(rows))
