"""What data is used for: a closed list of purposes, each with the basis on which the law lets it be used.

A space changes bases, not the list: whoever reads data names one of these, and a purpose nobody thought of cannot slip in.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from allears.errors import Refused

Purpose = Literal["service", "analytics", "product", "research", "marketing", "safety", "rights"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
Basis = Literal["contract", "legitimate interest", "consent", "legal obligation", "vital interests"]
OWED: tuple[Purpose, ...] = ("service", "safety", "rights")
"""What customers are owed: neither switched off, nor waiting for anybody's consent, nor ended by an objection."""


SPARED: tuple[Purpose, ...] = ("safety", "rights")
"""What goes on while somebody's data is restricted: storage and legal claims, and warnings of danger (article 18(2))."""


class Use(msgspec.Struct, frozen=True):
    """One purpose as this space has it.

    Parameters
    ----------
    basis
        On which the data may be used (article 6 GDPR).
    says
        What is done, in a sentence.
    on
        Whether data is used for it at all.
    categories
        Names under which consent banners and consent events speak of it; of several, all must be granted.
    tcf
        Purposes of IAB's Transparency and Consent Framework it stands for; of several, all must be granted.
    sources
        Sources whose signals are kept for it alone.
    """

    basis: Basis
    says: str
    on: bool = True
    categories: tuple[str, ...] = ()
    tcf: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def heeds(self) -> bool:
        """Whether a no counts: nobody can object to what a contract, the law or somebody's life needs."""
        return self.basis in ("consent", "legitimate interest")


class Changed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a space sets of one purpose; the rest is as it ships."""

    basis: Annotated[Basis | UnsetType, Meta(description="On which the data may be used.")] = UNSET
    says: Annotated[
        Annotated[str, Meta(max_length=400)] | UnsetType, Meta(description="What is done, for the register.")
    ] = UNSET
    on: Annotated[
        bool | UnsetType,
        Meta(description="Whether data is used for it at all; `service`, `safety` and `rights` always are."),
    ] = UNSET
    categories: Annotated[
        tuple[str, ...] | UnsetType,
        Meta(description="Names under which consent events speak of it; of several, all must be granted."),
    ] = UNSET
    tcf: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=24)], ...] | UnsetType,
        Meta(description="IAB TCF purposes it stands for; of several, all must be granted."),
    ] = UNSET
    sources: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=128)], ...] | UnsetType,
        Meta(
            description="Sources whose signals are kept for it alone: they go when somebody is erased for it."
        ),
    ] = UNSET


SHIPPED: dict[Purpose, Use] = {
    "service": Use("contract", "answering customers, mending what is broken, keeping promises"),
    "analytics": Use(
        "legitimate interest",
        "figures of experience, trust and volume, and questions asked of the data",
        categories=("analytics", "analytics_storage", "performance", "statistics"),
        tcf=(8, 9),
    ),
    "product": Use(
        "legitimate interest",
        "models that learn from messages: sentiment, topics",
        categories=("product",),
        tcf=(10,),
    ),
    "research": Use(
        "legitimate interest", "surveys: asking customers, and keeping what they answer", categories=("research",)
    ),
    "marketing": Use(
        "consent",
        "messages that offer something",
        categories=(
            "marketing", "advertising", "targeting", "ad_storage", "ad_user_data", "ad_personalization",
        ),
        tcf=(3, 4),
    ),
    "safety": Use("vital interests", "warnings that must not wait"),
    "rights": Use("legal obligation", "serving what people ask for by right, retention, the audit"),
}  # fmt: skip
"""As it ships: nothing but offers waits for consent."""


class Purposes(msgspec.Struct, frozen=True):
    """All purposes of a space."""

    uses: dict[Purpose, Use]

    def __getitem__(self, purpose: Purpose) -> Use:
        """Give one."""
        return self.uses[purpose]


def default_purposes() -> Purposes:
    """Give the purposes as they ship."""
    return Purposes(dict(SHIPPED))


def read_purposes(text: str, place: str = "purposes.toml") -> Purposes:
    r"""Read what a space sets of its purposes; what it does not name is as it ships.

    Raises
    ------
    Refused
        It is no TOML, a purpose is not on the list, or one is switched off or made to wait that must not.

    Examples
    --------
    >>> read_purposes('[research]\nbasis = "consent"')["research"].basis
    'consent'
    """
    try:
        given = msgspec.toml.decode(text, type=dict[Purpose, Changed])
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None
    except msgspec.DecodeError as error:
        raise Refused(f"not TOML: {error}", place=place) from None
    uses = dict(SHIPPED)
    for purpose, changed in given.items():
        set_here = {k: v for k, v in msgspec.structs.asdict(changed).items() if v is not UNSET}
        uses[purpose] = msgspec.structs.replace(SHIPPED[purpose], **set_here)
        if purpose in OWED and (uses[purpose].heeds or not uses[purpose].on):
            raise Refused("what is owed is neither switched off nor asked for", place=f"{place}: {purpose}")
    named = [source for use in uses.values() for source in use.sources]
    if len(named) != len(set(named)):
        raise Refused(
            "a source is kept for one purpose alone; one that serves several is named at none", place=place
        )
    return Purposes(uses)
