"""What every puller has in common: what it is asked, and the pages it hands over with the cursor that follows each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from collections.abc import Mapping as Options
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from msgspec import Meta

from allears.errors import Refused, WorldFailed
from allears.listen.flat import flatten
from allears.listen.gather import Gather
from allears.listen.mapping import Mapper, Mapping
from allears.listen.plans import Limits
from allears.listen.reading import BadRow, Context, Reading, Refusal, refuse

Cursor = dict[str, Any]
Row = dict[str, Any]
T = TypeVar("T")
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeError, BadRow)


class Patience(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long one place is waited for, before the pull as a whole is put off."""

    timeout_seconds: Annotated[
        float, Meta(description="longest wait for an answer, or for more of it", gt=0)
    ] = 30.0
    answer_seconds: Annotated[float, Meta(description="longest wait for one answer as a whole", gt=0)] = 300.0
    retry_seconds: Annotated[
        tuple[float, ...], Meta(description="waits before the second, third ... attempt")
    ] = (
        1.0,
        5.0,
        20.0,
    )
    longest_wait_seconds: Annotated[
        float, Meta(description="a Retry-After above this puts the pull off instead", ge=0)
    ] = 60.0
    quiet_seconds: Annotated[
        float, Meta(description="a stream silent for so long has been caught up with", gt=0)
    ] = 5.0


class Resting(WorldFailed):
    """A place that asks to be left in peace for a while; ``facts`` hold ``wait_seconds``."""


class Needing(Protocol):
    """A recipe as far as it says what a pull must give."""

    @property
    def needs(self) -> Options[str, str]:
        """Options that must be given, and what each means."""
        ...

    @property
    def defaults(self) -> Options[str, str]:
        """Options that may be given."""
        ...

    @property
    def secret(self) -> str | None:
        """What the secret is; None or empty where there is none."""
        ...

    @property
    def base(self) -> str | None:
        """The usual server."""
        ...


@dataclass(frozen=True)
class Ask:
    """One pull as configured, with what it needs from outside.

    Parameters
    ----------
    context
        Gives source, channel and the present time, anew for each page.
    folder
        The space's folder: relative paths begin there.
    follow
        Go on for ever where the kind can (streams, IDLE), until ``stop`` is set; else end once caught up.
    """

    name: str
    kind: str
    context: Callable[[], Context]
    folder: Path
    url: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    secret: str | None = None
    mapping: Mapping | None = None
    per_minute: float = 0.0
    allow_private: bool = False
    follow: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=Limits)

    @property
    def place(self) -> str:
        """Name this pull in errors."""
        return f"[[pull]] {self.name}"

    def demand(self, recipe: Needing) -> None:
        """Insist on what a recipe needs: its options and no others, its secret, an address.

        Raises
        ------
        Refused
            Something is missing, or unknown.
        """
        allowed = {*recipe.needs, *recipe.defaults}
        for name in self.options:
            if name not in allowed:
                raise Refused(
                    f"no option `{name}`; there are {', '.join(sorted(allowed)) or 'none'}", place=self.place
                )
        for name, meaning in recipe.needs.items():
            if self.options.get(name) in (None, ""):
                raise Refused(f"option `{name}` is needed: {meaning}", place=self.place)
        if recipe.secret and not self.secret:
            raise Refused(
                f"it needs a secret ({recipe.secret}): `allears pulls secret {self.name}`, or `secret_env`",
                place=self.place,
            )
        if not recipe.base:
            self.needed_url()

    def needed_url(self) -> str:
        """Return the address.

        Raises
        ------
        Refused
            None was given.
        """
        if not self.url:
            raise Refused(f"a pull of kind `{self.kind}` needs a `url`", place=self.place)
        return self.url

    def options_as(self, kind: type[T]) -> T:
        """Read the options as a struct; unknown ones and wrong types are named."""
        try:
            return msgspec.convert(self.options, kind)
        except msgspec.ValidationError as error:
            raise Refused(f"options: {error}", place=self.place) from None


@dataclass
class Page:
    """Arrivals and refusals, and the cursor that may be saved once they are durable; None when it may not move yet."""

    reading: Reading
    cursor: Cursor | None = None


class Puller(Protocol):
    """One kind of place.

    ``mapping`` is how its rows are read, where it has any. ``relists`` says that old rows may come again at any time, so that all ids ever stored from this source count as seen.
    """

    @property
    def relists(self) -> bool:
        """Whether old rows may come again at any time."""
        ...

    @property
    def mapping(self) -> Mapping | None:
        """How its rows are read."""
        ...

    def pages(self, cursor: Cursor) -> Generator[Page, None, None]:
        """Fetch what came after the cursor; an empty cursor means from the beginning."""
        ...


def map_rows(rows: Iterable[Row], mapping: Mapping, context: Context, place: str = "$") -> Reading:
    """Turn rows into arrivals.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> context = Context("x", None, datetime(2026, 1, 1, tzinfo=UTC))
    >>> reading = map_rows([{"say": "hello"}, {}], Mapping(text="say"), context)
    >>> reading.arrivals.num_rows, [r.place for r in reading.refused]
    (1, ['$[1]'])
    """
    gather = Gather(context)
    mapper = Mapper(mapping, gather)
    refused: list[Refusal] = []
    for index, row in enumerate(rows):
        try:
            mapper.add(flatten(row))
        except _BROKEN as error:
            refused.append(refuse(error, f"{place}[{index}]", msgspec.json.encode(row, enc_hook=str), "rows"))
    return Reading(gather.rows(), refused, changes=gather.changes())


def nothing() -> Reading:
    """Return a page's content when only the cursor moves."""
    return Reading([])
