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
    places: Sequence[str] | None = None,
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
    _allowed(desk, audit, principal, list(dict.fromkeys(subjects)), why, field)
    return vault.open(subjects, sealed, field, places)


def look_space(
    desk: Desk,
    vault: Vault,
    audit: Audit,
    principal: Principal,
    *,
    why: str,
    subject: str,
    sealed: bytes,
    label: str,
) -> bytes:
    """Open something that is sealed under the space's key because nobody knows yet whose it is: a refused row.

    Raises
    ------
    NotAllowed
        The role may not look; the attempt is in the audit too.
    Refused
        No reason was given, or the value was changed.
    """
    _allowed(desk, audit, principal, [subject], why, label)
    return vault.open_space(sealed, label, subject)


def look_profiles(
    desk: Desk, audit: Audit, principal: Principal, *, why: str, subjects: Sequence[str]
) -> None:
    """Note that somebody looks at what customers told of themselves, before it is opened.

    Raises
    ------
    NotAllowed
        The role may not look; the attempt is in the audit too.
    Refused
        No reason was given.
    """
    _allowed(desk, audit, principal, list(dict.fromkeys(subjects)), why, "profile")


def _allowed(
    desk: Desk, audit: Audit, principal: Principal, subjects: list[str], why: str, field: str
) -> None:
    if not why.strip():
        raise Refused("expected a reason for looking at originals", place="why")
    try:
        rule = require(principal, Action.OPEN_SEALED)
    except NotAllowed:
        _write(desk, audit, principal, "open_sealed_denied", subjects, why, field, str(principal.role))
        raise
    _write(desk, audit, principal, Action.OPEN_SEALED, subjects, why, field, rule)


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
