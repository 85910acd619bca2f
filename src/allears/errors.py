"""Every way Allears says no.

::

    AllearsError
    ├── Refused      (ValueError)    the data or the argument is wrong    -> the caller repairs it
    ├── NotFound     (LookupError)   the person, table or model is absent -> the caller asks for another
    ├── NotAllowed                   consent, role or retention forbids   -> nobody retries
    ├── NotReady     (RuntimeError)  too few rows, model untrained, busy  -> the caller waits or trains
    └── WorldFailed                  network, disk or engine failed       -> ``again`` says whether to retry

A message names the place and the kind, never a person's value:
``expected a time with zone, got text - at $.events[3].at``.
"""

from __future__ import annotations

from typing import Any


class AllearsError(Exception):
    """Something Allears cannot do.

    Parameters
    ----------
    message
        One sentence a person can act on; the class docstring's first line when empty.
    place
        Where it went wrong: a JSON path, ``file.csv line 7``, an option's name. Never a person's value.
    facts
        What a program needs to decide what to do next.

    Examples
    --------
    >>> str(Refused("expected a time with zone, got text", place="$.events[3].at"))
    'expected a time with zone, got text - at $.events[3].at'
    """

    code = "error"

    def __init__(self, message: str = "", *, place: str = "", **facts: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.place = place
        self.facts = facts
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} - at {self.place}" if self.place else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.place, self.facts)


class Refused(AllearsError, ValueError):
    """The data or the argument is wrong."""

    code = "refused"


class NotFound(AllearsError, LookupError):
    """What was asked for is not here."""

    code = "not_found"


class NotAllowed(AllearsError):
    """No rule allows this."""

    code = "not_allowed"


class NotReady(AllearsError, RuntimeError):
    """Not enough has arrived yet."""

    code = "not_ready"


class WorldFailed(AllearsError):
    """Something outside Allears failed."""

    code = "world_failed"

    def __init__(self, message: str = "", *, place: str = "", again: bool = False, **facts: Any) -> None:
        super().__init__(message, place=place, **facts)
        self.again = again
        self.facts["again"] = again


def _rebuild(kind: type[AllearsError], message: str, place: str, facts: dict[str, Any]) -> AllearsError:
    return kind(message, place=place, **facts)
