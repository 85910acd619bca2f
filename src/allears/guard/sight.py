"""What somebody may see: which rows - every one, a partner's own, those that rules of ``access.toml`` leave - and which fields of them.

What a rule cannot decide is not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from allears.errors import NotAllowed, Refused
from allears.guard.access import Principal, Role, row_partner
from allears.guard.mask import HIDDEN, Field

FILE = "access.toml"
Relationship = Literal["consumer", "employee", "partner"]
Words = tuple[Annotated[str, Meta(min_length=1)], ...]


class Partner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[partners.NAME]``: what belongs to a partner besides the signals that name it."""

    accounts: Annotated[
        tuple[str, ...], Meta(description="Its accounts, as senders write them (`groupId` of Segment).")
    ] = ()


class Extent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[sights.NAME]``: which rows whoever has this sight may see. What is not named does not narrow it."""

    regions: Annotated[
        Words,
        Meta(description="Countries or regions, as senders write them: `DE` holds for `DE-BY` as well."),
    ] = ()
    relationships: Annotated[
        tuple[Relationship, ...],
        Meta(description="`consumer`, `employee`, `partner`; naming a closed one opens it to this sight."),
    ] = ()
    accounts: Annotated[Words, Meta(description="Organisations, as senders write them.")] = ()
    departments: Annotated[
        Words, Meta(description="Issues and cases of these departments alone; signals belong to none.")
    ] = ()
    groups: Annotated[
        Words, Meta(description="Groups of the log-in provider whose people have this sight.")
    ] = ()


class OfRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[roles.ROLE]``: what a role sees unless somebody has a sight of their own, and which fields."""

    sight: Annotated[str | None, Meta(description="The sight of whoever of this role has none.")] = None
    hide: Annotated[tuple[Field, ...], Meta(description="Fields that are hidden from it besides.")] = ()
    show: Annotated[tuple[Field, ...], Meta(description="Fields that are shown to it all the same.")] = ()
    break_glass_minutes: Annotated[
        int,
        Meta(
            ge=0,
            le=480,
            description="How long a person of this role may look past mask and sight at one customer, for a reason; 0: not at all.",
        ),
    ] = 0


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[closed]``: what nobody sees whose sight does not name it."""

    relationships: Annotated[
        tuple[Relationship, ...], Meta(description="Kinds of customers, such as `employee`.")
    ] = ()


class Sights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``access.toml`` says."""

    partners: dict[str, Partner] = {}
    sights: dict[str, Extent] = {}
    roles: dict[Role, OfRole] = {}
    closed: Closed = Closed()

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        for role, said in self.roles.items():
            if said.sight is not None and said.sight not in self.sights:
                raise ValueError(f"the role {role} names a sight that is not there")
            if role in (Role.PARTNER, Role.SENDER) and said != OfRole(hide=said.hide):
                raise ValueError(f"to the role {role} nothing more can be shown")


class Condition(NamedTuple):
    """What a signal must meet to be seen, as SQL over the lake's columns; values are bound, never pasted."""

    sql: str
    values: dict[str, Any]


EVERY = Condition("TRUE", {})


class Sight(msgspec.Struct, frozen=True):
    """What of the space's rows and fields somebody may see.

    Examples
    --------
    >>> Sight().whole, Sight(partner="Swiftlane").condition(str).sql
    (True, '(partner = $sight_partner OR list_contains($sight_accounts, account)) IS TRUE')
    >>> Sight(closed=("employee",)).condition(str)
    Condition(sql='(NOT list_contains($sight_closed, relationship)) IS TRUE', values={'sight_closed': ['employee']})
    """

    name: str = ""
    partner: str | None = None
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    relationships: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    hidden: frozenset[Field] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether every row may be seen."""
        return self.figures and not self.closed

    @property
    def figures(self) -> bool:
        """Whether figures over everybody may be seen; they count closed relationships too, without showing a row."""
        return self.partner is None and not (
            self.accounts or self.regions or self.relationships or self.departments
        )

    def condition(self, digest: Callable[[str], str]) -> Condition:
        """Say it as a condition on signals; ``digest`` makes the pseudonym of an account."""
        parts: list[str] = []
        values: dict[str, Any] = {}
        if self.partner is not None:
            parts.append("partner = $sight_partner OR list_contains($sight_accounts, account)")
            values |= {
                "sight_partner": self.partner,
                "sight_accounts": [digest(one) for one in self.accounts],
            }
        elif self.accounts:
            parts.append("list_contains($sight_accounts, account)")
            values["sight_accounts"] = [digest(one) for one in self.accounts]
        if self.regions:
            # ISO 3166-2 begins with the country: whoever sees DE sees DE-BY.
            parts.append(
                "(list_contains($sight_regions, upper(region)) OR list_contains($sight_regions, upper(split_part(region, '-', 1))))"
            )
            values["sight_regions"] = [one.upper() for one in self.regions]
        if self.relationships:
            parts.append("list_contains($sight_relationships, relationship)")
            values["sight_relationships"] = list(self.relationships)
        if self.closed:
            parts.append("NOT list_contains($sight_closed, relationship)")
            values["sight_closed"] = list(self.closed)
        # IS TRUE: a signal of which it cannot be said whose it is, is nobody's.
        return Condition(f"({' AND '.join(parts)}) IS TRUE", values) if parts else EVERY


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
    """Say what somebody may see; ``sights`` reads the file.

    Raises
    ------
    NotAllowed
        A partner role that names no partner, or a sight that is not there (any more).
    Refused
        ``access.toml`` is not right.
    """
    said = sights()
    of_role = said.roles.get(principal.role, OfRole())
    hidden = (HIDDEN[principal.role] - set(of_role.show)) | set(of_role.hide)
    if principal.role is Role.PARTNER:
        name = row_partner(principal)
        assert name is not None
        return Sight(name, name, said.partners.get(name, Partner()).accounts, hidden=hidden)
    named = principal.sight if principal.sight is not None else of_role.sight
    if named is None:
        return Sight(closed=said.closed.relationships, hidden=hidden)
    extent = said.sights.get(named)
    if extent is None:
        raise NotAllowed(f"your sight {named} is not in {FILE}: nothing is shown", place="sight")
    return Sight(
        name=named,
        accounts=extent.accounts,
        regions=extent.regions,
        relationships=extent.relationships,
        departments=extent.departments,
        closed=tuple(r for r in said.closed.relationships if r not in extent.relationships),
        hidden=hidden,
    )


def sight_of_groups(sights: Sights, groups: list[Any]) -> str | None:
    """Name the sight of somebody in these groups of the provider: the first that the file names."""
    return next(
        (name for name, extent in sights.sights.items() if any(g in groups for g in extent.groups)), None
    )
