"""Which rows somebody may see: every one, a partner's own, or those that rules of ``access.toml`` leave. What a rule cannot decide is not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from allears.errors import Refused
from allears.guard.access import Principal, Role, row_partner

FILE = "access.toml"


class Partner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[partners.NAME]``: what belongs to a partner besides the signals that name it."""

    accounts: Annotated[
        tuple[str, ...], Meta(description="Its accounts, as senders write them (`groupId` of Segment).")
    ] = ()


class Sights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``access.toml`` says."""

    partners: dict[str, Partner] = {}


class Condition(NamedTuple):
    """What a signal must meet to be seen, as SQL over the lake's columns; values are bound, never pasted."""

    sql: str
    values: dict[str, Any]


EVERY = Condition("TRUE", {})


class Sight(msgspec.Struct, frozen=True):
    """What of the space's rows somebody may see.

    Examples
    --------
    >>> Sight().whole, Sight(partner="Swiftlane").condition(str).sql
    (True, '(partner = $sight_partner OR list_contains($sight_accounts, account)) IS TRUE')
    """

    partner: str | None = None
    accounts: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every row, and so every figure over all of them, may be seen."""
        return self == Sight()

    def condition(self, digest: Callable[[str], str]) -> Condition:
        """Say it as a condition on signals; ``digest`` makes the pseudonym of an account."""
        if self.partner is None:
            return EVERY
        # IS TRUE: a signal of which it cannot be said whose it is, is nobody's.
        return Condition(
            "(partner = $sight_partner OR list_contains($sight_accounts, account)) IS TRUE",
            {"sight_partner": self.partner, "sight_accounts": [digest(one) for one in self.accounts]},
        )


def read_sights(text: str, place: str = FILE) -> Sights:
    """Read ``access.toml``.

    Raises
    ------
    Refused
        It is not TOML, or says what nobody knows.
    """
    try:
        return msgspec.toml.decode(text, type=Sights)
    except msgspec.DecodeError as error:
        raise Refused(str(error), place=place) from None


def sight_of(principal: Principal, sights: Callable[[], Sights]) -> Sight:
    """Say what somebody may see; ``sights`` reads the file, asked for only where it matters.

    Raises
    ------
    NotAllowed
        A partner role that names no partner.
    Refused
        ``access.toml`` is not right, and it matters here.
    """
    if principal.role is not Role.PARTNER:
        return Sight()
    name = row_partner(principal)
    assert name is not None
    return Sight(partner=name, accounts=sights().partners.get(name, Partner()).accounts)
