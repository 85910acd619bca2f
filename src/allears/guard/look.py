"""Look at sealed originals: only with the right, only with a reason, and never unseen."""

from __future__ import annotations

from collections.abc import Sequence, Set

from allears.desk import Desk
from allears.errors import NotAllowed, Refused
from allears.guard.access import Action, Principal, require
from allears.guard.audit import Audit
from allears.guard.glass import Broken
from allears.guard.mask import IN_CLEAR, TOLD, Field
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
    hidden: Set[Field] = frozenset(),
    glass: Broken | None = None,
) -> list[bytes | None]:
    """Open sealed values for somebody, one audit entry for each subject, written before anything is opened.

    Parameters
    ----------
    hidden
        What is hidden from them: any of it may stand in an original, so whoever is refused some opens none.
    glass
        The glass they broke for this customer, which stands for the right.

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
    _allowed(desk, audit, principal, list(dict.fromkeys(subjects)), why, field, hidden & IN_CLEAR, glass)
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
    hidden: Set[Field] = frozenset(),
) -> bytes:
    """Open something that is sealed under the space's key because nobody knows yet whose it is: a refused row.

    Raises
    ------
    NotAllowed
        The role may not look; the attempt is in the audit too.
    Refused
        No reason was given, or the value was changed.
    """
    _allowed(desk, audit, principal, [subject], why, label, hidden & IN_CLEAR)
    return vault.open_space(sealed, label, subject)


def look_profiles(
    desk: Desk,
    audit: Audit,
    principal: Principal,
    *,
    why: str,
    subjects: Sequence[str],
    hidden: Set[Field] = frozenset(),
) -> None:
    """Note that somebody looks at what customers told of themselves, before it is opened; all of it hidden, nothing is.

    Raises
    ------
    NotAllowed
        The role may not look; the attempt is in the audit too.
    Refused
        No reason was given.
    """
    none = hidden & TOLD if hidden >= TOLD else frozenset()
    _allowed(desk, audit, principal, list(dict.fromkeys(subjects)), why, "profile", none)


def _allowed(
    desk: Desk,
    audit: Audit,
    principal: Principal,
    subjects: list[str],
    why: str,
    field: str,
    hidden: Set[Field] = frozenset(),
    glass: Broken | None = None,
) -> None:
    if not why.strip():
        raise Refused("expected a reason for looking at originals", place="why")
    try:
        if glass is not None:
            rule = f"broken glass {glass.id}"
        else:
            rule = require(principal, Action.OPEN_SEALED)
            if hidden:
                raise NotAllowed(f"hidden from the role {principal.role}: {', '.join(sorted(hidden))}")
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
