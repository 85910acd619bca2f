"""What staff write about somebody: cleaned of what is known of that very person, besides what patterns find."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlalchemy import select

from allears.act import issue as issue_desk
from allears.desk.work import Case, IssueSignal
from allears.guard.redaction.redact import redact
from allears.journey.ground import Ground
from allears.know.profile import Profiles

_MANY = 50
"""Nobody names more people in one reason."""
_AT_ONCE = 1_000


def clean(
    ground: Ground, text: str, customers: Sequence[str] = (), also: Sequence[tuple[str, str]] = ()
) -> str:
    """Redact a reason or a note; names, addresses and numbers of the customers it is about go, in any spelling.

    Parameters
    ----------
    customers
        Whom it is about, by any key of theirs; nobody where that is not known, then patterns alone find something.
    also
        What else is known of them, as kind and value, and not written down yet.
    """
    if not text.strip():
        return ""
    known = [pair for pairs in _known(ground, customers[:_MANY]).values() for pair in pairs]
    return redact([text.strip()], [[*known, *(pair for pair in also if pair[1])]]).texts[0] or ""


def clean_each(ground: Ground, texts: Sequence[str], about: Sequence[Sequence[str]]) -> list[str]:
    """Redact many texts at once, each of what is known of those it is about."""
    cleaned: list[str] = []
    for start in range(0, len(texts), _AT_ONCE):
        some = [text.strip() for text in texts[start : start + _AT_ONCE]]
        whom = [
            list(customers[:_MANY]) if text else []
            for text, customers in zip(some, about[start : start + _AT_ONCE], strict=True)
        ]
        known = _known(ground, sorted({one for customers in whom for one in customers}))
        told = [[pair for one in customers for pair in known[one]] for customers in whom]
        cleaned += [text or "" for text in redact(some, told).texts]
    return cleaned


def of_issue(ground: Ground, issue: str) -> list[str]:
    """Give the customers whose words stand for an issue: of all it gathered, those that people read before they write.

    Raises
    ------
    NotFound
        No issue has that id.
    """
    shown: list[str] = issue_desk.issue(ground.desk, issue)["exemplars"]
    whose = select(IssueSignal.customer).where(
        IssueSignal.issue == issue, IssueSignal.signal_id.in_(shown), IssueSignal.customer.is_not(None)
    )
    with ground.desk.reading() as session:
        return sorted({str(one) for one in session.scalars(whose)})


def of_case(ground: Ground, case: str) -> list[str]:
    """Give the customer a case is about, or those of its issue; nobody where there is no such case."""
    with ground.desk.reading() as session:
        found = session.get(Case, case)
    if found is None or found.customer is None:
        return of_issue(ground, found.issue) if found is not None and found.issue is not None else []
    return [found.customer]


def _known(ground: Ground, customers: Sequence[str]) -> dict[str, Sequence[tuple[str, str]]]:
    if not customers:
        return {}
    keys = pa.array(customers, pa.string())
    profiles = Profiles(ground.desk, ground.vault.seal, ground.vault.open)
    # What was written down earlier may bear a key from before a merge.
    known = profiles.known(ground.graph.resolve_keys(keys), hiding=True)
    return {one: pairs or () for one, pairs in zip(customers, known, strict=True)}
