"""Aliases: what a table keeps in the place of an identifier's digest, another one for each purpose.

Who is who is kept by digests (`allears.desk.identity`). A table that keeps something else about people, such as what they
agreed to, knows each identifier by an alias: made of the digest with a key of that purpose, and turned back with it. So a
program that holds the key reads digests, and merges, partings and erasing reach everybody; whoever has the database alone
finds each alias in one table and nowhere else. A column of these types does it by itself: no door can forget to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import JSON, Dialect, String, TypeDecorator
from sqlalchemy.types import TypeEngine

from allears.errors import Refused

STRANGER = "p:"
"""Begins the name of somebody who is known by a digest only, because nothing of them was digested yet."""
_HALF = "0" * 16
_CUSTOMER, _HIDDEN = re.compile(r"c_[0-9a-f]{16}"), re.compile(r"c_[0-9a-f]{32}")
Turn = Callable[[Sequence[str]], list[str]]


class Aliases(Protocol):
    """Turns digests into the aliases of a purpose, and back."""

    def of(self, purpose: str, digests: Sequence[str]) -> list[str]:
        """Give the alias of each digest."""
        ...

    def digests(self, purpose: str, aliases: Sequence[str]) -> list[str]:
        """Give the digest behind each alias."""
        ...

    def raw_digests(self, purpose: str, aliases: bytes) -> bytes:
        """Give the digests behind very many aliases, both as bytes one behind the other."""
        ...


# A column's type is told the dialect alone; each desk has one of its own.
_KNOWN: WeakKeyDictionary[Dialect, Aliases] = WeakKeyDictionary()


def introduce(dialect: Dialect, aliases: Aliases) -> None:
    """Let a desk's columns turn digests into aliases from now on."""
    _KNOWN[dialect] = aliases


def known(dialect: Dialect) -> Aliases:
    """Give what a desk's columns turn digests with.

    Raises
    ------
    Refused
        The desk was opened without the space's key.
    """
    try:
        return _KNOWN[dialect]
    except KeyError:
        raise Refused("this needs the space's key", place="desk") from None


class Aliased(TypeDecorator[Any]):
    """A column that keeps aliases and is read and written by digests. Comparing it with a column of digests finds nothing."""

    impl: type[TypeEngine[Any]] = String
    cache_ok = True

    def __init__(self, purpose: str, *kept: int) -> None:
        super().__init__(*kept)
        self.purpose = purpose

    @property
    def kept(self) -> TypeEngine[Any]:
        """The type of what is kept, for who reads aliases as they are."""
        return self.impl_instance

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Turn what is written, or looked for."""
        if value is None:
            return None
        return self.turned(value, lambda digests: known(dialect).of(self.purpose, digests))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Turn back what is read."""
        if value is None:
            return None
        return self.turned(value, lambda aliases: known(dialect).digests(self.purpose, aliases))

    def turned(self, value: Any, turn: Turn) -> Any:
        """Turn what of a value is a digest or an alias."""
        raise NotImplementedError


class Alias(Aliased):
    """One digest."""

    cache_ok = True

    def __init__(self, purpose: str, length: int = 64) -> None:
        super().__init__(purpose, length)

    def turned(self, value: str, turn: Turn) -> str:
        """Turn it."""
        return turn([value])[0]


class AliasList(Aliased):
    """A list of digests."""

    impl = JSON
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__(purpose)

    def turned(self, value: Sequence[str], turn: Turn) -> list[str]:
        """Turn each."""
        return turn(value)


class PersonAlias(Aliased):
    """Whom something concerns: a customer's id, which is the first half of a digest, or a stranger's name with a whole one in it."""

    cache_ok = True

    def __init__(self, purpose: str, length: int = 80) -> None:
        super().__init__(purpose, length)

    def turned(self, value: str, turn: Turn) -> str:
        """Turn what stands behind the first two letters; other names stay."""
        if value.startswith(STRANGER):
            return STRANGER + turn([value.removeprefix(STRANGER)])[0]
        if _CUSTOMER.fullmatch(value):
            return value[:2] + turn([value[2:] + _HALF])[0]
        if _HIDDEN.fullmatch(value):
            return value[:2] + turn([value[2:]])[0].removesuffix(_HALF)
        return value
