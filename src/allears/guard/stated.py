"""What only the company can say for its register and its notices: who it is, whom to ask, who receives data where. Nothing of it is made up."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from allears.errors import Refused
from allears.guard.purpose import Purpose

NOT_STATED = "not stated"
_Line = Annotated[str, Meta(max_length=1000)]


class Controller(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers for the data."""

    name: Annotated[_Line, Meta(description="The company's name.")] = ""
    contact: Annotated[_Line, Meta(description="Its address, mail and telephone.")] = ""
    joint: Annotated[_Line, Meta(description="Joint controllers, where there are any.")] = ""
    representative: Annotated[_Line, Meta(description="Its representative in the Union.")] = ""
    officer: Annotated[_Line, Meta(description="The data protection officer: name and contact.")] = ""
    authority: Annotated[_Line, Meta(description="The supervisory authority that breaches are told to.")] = ""


class Recipient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who stands behind a destination, or receives data in another way."""

    who: Annotated[_Line, Meta(description="Who it is, such as a firm.")] = ""
    does: Annotated[_Line, Meta(description="What they do with it, and whether as a processor.")] = ""
    country: Annotated[_Line, Meta(description="Where they keep it.")] = ""
    safeguard: Annotated[
        _Line,
        Meta(
            description="What a transfer to a third country rests on, such as standard contractual clauses."
        ),
    ] = ""


class Extra(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a purpose's line of the register says beyond what is configured."""

    people: Annotated[_Line, Meta(description="Categories of people, in your own words.")] = ""
    data: Annotated[_Line, Meta(description="Categories of data, in your own words.")] = ""
    note: Annotated[_Line, Meta(description="Anything else, such as the assessment it rests on.")] = ""


class Stated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    r"""Everything that ``register.toml`` says.

    Examples
    --------
    >>> read_stated('[controller]\nname = "Acme"\n[recipient.helpdesk]\nwho = "Desk Ltd"').recipient["helpdesk"].who
    'Desk Ltd'
    """

    controller: Controller = Controller()
    recipient: Annotated[
        dict[str, Recipient],
        Meta(description="By destination's name; other names are recipients that Allears does not send to."),
    ] = {}
    purpose: dict[Purpose, Extra] = {}
    measures: Annotated[
        tuple[_Line, ...],
        Meta(description="Measures beyond what Allears does: buildings, training, contracts."),
    ] = ()


def read_stated(text: str, place: str = "register.toml") -> Stated:
    """Read what the company states.

    Raises
    ------
    Refused
        It is no TOML, or a field is unknown; ``place`` says where.
    """
    try:
        return msgspec.toml.decode(text, type=Stated)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None
    except msgspec.DecodeError as error:
        raise Refused(f"not TOML: {error}", place=place) from None
