"""Issues shared with a partner: its people see the title given here, the state, and of the signals their own."""

from __future__ import annotations

from sqlalchemy import delete, select

from allears.act import issue as issue_desk
from allears.desk.access import Share
from allears.errors import NotFound, Refused
from allears.journey.channels import SILENCE
from allears.journey.ground import Ground
from allears.journey.said import clean, of_issue


def share(ground: Ground, issue_id: str, partner: str, *, title: str = "", actor: str) -> None:
    """Let a partner's people see an issue: its title as given here, its state, and of its signals their own.

    Raises
    ------
    NotFound
        No issue has that id.
    Refused
        It is about our own listening, or no partner was named.
    """
    row = issue_desk.issue(ground.desk, issue_id)
    if SILENCE in (row["topics"] or ()):
        raise Refused("a silence of our own listening is not shared", place="issue")
    if not partner.strip() or len(partner) > 64:
        raise Refused("expected a partner's name, at most 64 letters", place="partner")
    said = clean(ground, title, of_issue(ground, issue_id))
    with ground.desk.session() as session:
        session.merge(
            Share(issue=issue_id, partner=partner, title=said, shared_by=actor, shared_at=ground.clock.now())
        )
        ground.audit.write(session, actor, "issue.share", [issue_id], "", {"partner": partner})


def unshare(ground: Ground, issue_id: str, partner: str, *, actor: str) -> None:
    """Let a partner's people see an issue no longer.

    Raises
    ------
    NotFound
        It is not shared with them.
    """
    with ground.desk.session() as session:
        gone = session.execute(delete(Share).where(Share.issue == issue_id, Share.partner == partner))
        if not gone.rowcount:  # type: ignore[attr-defined]
            raise NotFound("that issue is not shared with that partner", place="issue")
        ground.audit.write(session, actor, "issue.unshare", [issue_id], "", {"partner": partner})


def shared_with(ground: Ground, issue_id: str) -> list[str]:
    """List the partners with whom an issue is shared."""
    query = select(Share.partner).where(Share.issue == issue_id).order_by(Share.partner)
    with ground.desk.reading() as session:
        return list(session.scalars(query))
