"""Who may do what: roles and rights, in one place. What no row allows is denied."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from allears.errors import NotAllowed, Refused


class Role(StrEnum):
    """What somebody is here for."""

    CIO = "cio"
    ANALYST = "analyst"
    AGENT = "agent"
    ENGINEER = "engineer"
    PRIVACY = "privacy"
    PARTNER = "partner"
    SENDER = "sender"


class Action(StrEnum):
    """What can be done."""

    SEE_FIGURES = "see_figures"
    SEE_HEALTH = "see_health"
    READ_TEXT = "read_text"
    SEE_CUSTOMERS = "see_customers"
    OPEN_SEALED = "open_sealed"
    MERGE_CUSTOMERS = "merge_customers"
    SEE_CASES = "see_cases"
    WORK_CASES = "work_cases"
    RUN_PLAYBOOKS = "run_playbooks"
    LISTEN = "listen"
    REPLAY_REFUSED = "replay_refused"
    ASK_SQL = "ask_sql"
    EXPORT = "export"
    ERASE = "erase"
    SERVE_RIGHTS = "serve_rights"
    READ_AUDIT = "read_audit"
    MANAGE_KEYS = "manage_keys"
    MANAGE_USERS = "manage_users"


_LOOK = {Action.SEE_FIGURES, Action.READ_TEXT, Action.SEE_CASES}

RIGHTS: dict[Role, frozenset[Action]] = {
    Role.CIO: frozenset(
        _LOOK
        | {Action.SEE_HEALTH, Action.SEE_CUSTOMERS, Action.ASK_SQL, Action.EXPORT, Action.RUN_PLAYBOOKS}
        | {Action.WORK_CASES, Action.READ_AUDIT, Action.MANAGE_KEYS, Action.MANAGE_USERS}
    ),
    Role.ANALYST: frozenset(_LOOK | {Action.SEE_HEALTH, Action.SEE_CUSTOMERS, Action.ASK_SQL, Action.EXPORT}),
    Role.AGENT: frozenset(
        _LOOK
        | {Action.SEE_CUSTOMERS, Action.WORK_CASES, Action.RUN_PLAYBOOKS, Action.OPEN_SEALED}
        | {Action.MERGE_CUSTOMERS}
    ),
    Role.ENGINEER: frozenset(
        {Action.SEE_FIGURES, Action.SEE_HEALTH, Action.LISTEN, Action.REPLAY_REFUSED, Action.MANAGE_KEYS}
    ),
    Role.PRIVACY: frozenset(
        _LOOK
        | {
            Action.SEE_HEALTH,
            Action.SEE_CUSTOMERS,
            Action.OPEN_SEALED,
            Action.MERGE_CUSTOMERS,
            Action.EXPORT,
            Action.ERASE,
            Action.SERVE_RIGHTS,
            Action.READ_AUDIT,
        }
    ),
    Role.PARTNER: frozenset(_LOOK | {Action.WORK_CASES}),
    # The key of one source. It lies open in every page that uses it, so it can do nothing but send as that source.
    Role.SENDER: frozenset({Action.LISTEN}),
}


class Scope(StrEnum):
    """What a key may be narrowed to; it never widens a role."""

    LISTEN = "listen"
    READ = "read"
    ACT = "act"
    ORIGINALS = "originals"
    ADMIN = "admin"


SCOPES: dict[Scope, frozenset[Action]] = {
    Scope.LISTEN: frozenset({Action.LISTEN}),
    Scope.READ: frozenset(
        {Action.SEE_FIGURES, Action.SEE_HEALTH, Action.READ_TEXT, Action.SEE_CUSTOMERS, Action.SEE_CASES}
        | {Action.ASK_SQL}
    ),
    Scope.ACT: frozenset(
        {Action.WORK_CASES, Action.RUN_PLAYBOOKS, Action.MERGE_CUSTOMERS, Action.REPLAY_REFUSED}
    ),
    # What was said in clear leaves by these; apart, so that reading figures never brings it along.
    Scope.ORIGINALS: frozenset({Action.OPEN_SEALED, Action.EXPORT}),
    Scope.ADMIN: frozenset(
        {Action.ERASE, Action.SERVE_RIGHTS, Action.READ_AUDIT, Action.MANAGE_KEYS, Action.MANAGE_USERS}
    ),
}


class Principal(msgspec.Struct, frozen=True):
    """Somebody, or some program, that asks.

    Parameters
    ----------
    name
        User or key, as written in the audit: ``user:ana`` or ``key:ab12cd34``.
    role
        What it is here for.
    partner
        For the partner role: the one partner whose rows it may see.
    scopes
        For a key: what of its role it may use; ``None``, all of it.
    sight
        Which sight of ``access.toml`` it has; ``None``, its role's.
    """

    name: str
    role: Role
    partner: str | None = None
    scopes: frozenset[Scope] | None = None
    sight: str | None = None


class Verdict(NamedTuple):
    """Whether it is allowed, and by which rule."""

    allowed: bool
    rule: str


def allow(principal: Principal, action: Action) -> Verdict:
    """Decide whether somebody may do something.

    Examples
    --------
    >>> allow(Principal("user:ana", Role.ANALYST), Action.OPEN_SEALED)
    Verdict(allowed=False, rule='analyst may not open_sealed')
    """
    if principal.role is Role.PARTNER and not principal.partner:
        return Verdict(False, "partner without a partner's name may not do anything")
    if action not in RIGHTS.get(principal.role, frozenset()):
        return Verdict(False, f"{principal.role} may not {action}")
    if principal.scopes is not None and not any(action in SCOPES[scope] for scope in principal.scopes):
        return Verdict(False, f"a key of these scopes may not {action}")
    return Verdict(True, f"{principal.role} may {action}")


def require(principal: Principal, action: Action) -> str:
    """Insist that somebody may do something; return the rule that allows it.

    Raises
    ------
    NotAllowed
        No rule allows it; the message names the rule, ``facts`` hold ``role`` and ``action``.
    """
    verdict = allow(principal, action)
    if not verdict.allowed:
        raise NotAllowed(verdict.rule, role=str(principal.role), action=str(action))
    return verdict.rule


def row_partner(principal: Principal) -> str | None:
    """Return the partner whose rows alone may be shown; ``None`` means every row.

    Raises
    ------
    NotAllowed
        A partner role that names no partner sees nothing.
    """
    if principal.role is not Role.PARTNER:
        return None
    if not principal.partner:
        raise NotAllowed("partner without a partner's name may not do anything")
    return principal.partner


def may_hand_out(giver: Principal, key: Principal) -> Verdict:
    """Decide whether somebody may make this key: it must not do what its giver may not, but for sending, which shows nothing.

    Examples
    --------
    >>> boss = Principal("user:eva", Role.CIO)
    >>> may_hand_out(boss, Principal("key:", Role.PRIVACY))
    Verdict(allowed=False, rule='a key may not erase where who makes it may not')
    >>> may_hand_out(boss, Principal("key:", Role.PRIVACY, scopes=frozenset({Scope.READ}))).allowed
    True
    """
    given = allow(giver, Action.MANAGE_KEYS)
    if not given.allowed:
        return given
    if key.sight != giver.sight:
        return Verdict(False, f"a key sees what its maker sees: {giver.sight or 'no sight by name'}")
    for action in sorted(set(Action) - {Action.LISTEN}):
        if allow(key, action).allowed and not allow(giver, action).allowed:
            return Verdict(False, f"a key may not {action} where who makes it may not")
    return Verdict(True, f"{giver.role} may hand this out")


def read_scopes(words: Iterable[str]) -> frozenset[Scope] | None:
    """Turn words into scopes; none at all means the whole role.

    Raises
    ------
    Refused
        There is no such scope; the message lists them.
    """
    try:
        return frozenset(Scope(word) for word in words) or None
    except ValueError:
        raise Refused(f"no such scope; choose from {', '.join(Scope)}", place="scope") from None


def read_role(text: str) -> Role:
    """Turn a word into a role.

    Raises
    ------
    Refused
        There is no such role; the message lists them.
    """
    try:
        return Role(text)
    except ValueError:
        raise Refused(f"no such role; choose one of {', '.join(Role)}", place="role") from None


def make_principal(
    kind: str, name: str, role: str, partner: str | None, sight: str | None = None
) -> Principal:
    """Put together who somebody is; a partner role must name its partner, the others must not.

    Raises
    ------
    Refused
        The role is unknown, role and partner do not go together, or a partner is given a sight.
    """
    known = read_role(role)
    if (known is Role.PARTNER) != bool(partner):
        raise Refused("the partner role names its partner, the other roles name none", place="partner")
    if known is Role.PARTNER and sight:
        raise Refused("a partner sees its own rows and has no other sight", place="sight")
    if sight is not None and not 1 <= len(sight) <= 64:
        raise Refused("expected the name of a sight, at most 64 letters", place="sight")
    return Principal(f"{kind}:{name}", known, partner or None, sight=sight)
