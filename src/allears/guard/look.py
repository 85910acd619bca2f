"""Look at sealed originals: only with the right, only with a reason, and never unseen."""

from __future__ import annotations

from collections.abc import Sequence

from allears.desk import Desk
from allears.errors import NotAllowed, Refused
from allears.guard.access import Action, Principal, require
from allears.guard.audit import Audit
from allears.guard.vault import Vault


def look(
    desk: Desk,
    vault: Vault,
    audit: Audit,
    principal: Principal,
    *,
    why: str,
    subjects: Sequence[str],
    sealed: Sequence[bytes | None],
    field: str,
) -> list[bytes | None]:
    """Open sealed values for somebody, one audit entry for each subject, written before anything is opened.

    Returns
    -------
    list of bytes or None
        In order; ``None`` where the key was destroyed.

    Raises
    ------
    NotAllowed
        The role may not look; the attempt is in the audit too.
    Refused
        No reason was given, or a value was changed.
    """
    if not why.strip():
        raise Refused("expected a reason for looking at originals", place="why")
    seen = list(dict.fromkeys(subjects))
    try:
        rule = require(principal, Action.OPEN_SEALED)
    except NotAllowed:
        _write(desk, audit, principal, "open_sealed_denied", seen, why, field, str(principal.role))
        raise
    _write(desk, audit, principal, Action.OPEN_SEALED, seen, why, field, rule)
    return vault.open(subjects, sealed, field)


def _write(
    desk: Desk,
    audit: Audit,
    principal: Principal,
    action: str,
    subjects: list[str],
    why: str,
    field: str,
    rule: str,
) -> None:
    with desk.session() as session:
        audit.write(session, principal.name, action, subjects, why, {"field": field, "rule": rule})
