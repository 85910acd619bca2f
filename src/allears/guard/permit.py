"""The gate: whoever reads data about people names a purpose, and gets a permit or a no, each with the rule that says so.

Functions that read people's rows ask for a `Permit`, and only `Gate.permit` makes one: no verdict, no data. What a
permit says of one person is looked up at that moment, so that a withdrawal counts at once, in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select

from allears.desk.aliases import STRANGER
from allears.desk.base import Desk
from allears.desk.identity import IdentityRevision
from allears.errors import NotAllowed
from allears.guard.consent import STATES, anybody_said_no, standing
from allears.guard.former import Former, FormerKeys
from allears.guard.purpose import SPARED, Purpose, Purposes, Use, default_purposes
from allears.guard.restrict import RESTRICTED, restricted_people, restrictions_mark
from allears.guard.standings import Standings, Stood, find, with_these
from allears.guard.word_columns import NAME

_GATE = object()
_CUSTOMER = "c_"
_NOBODY = Stood(np.zeros(0, NAME), np.zeros(0, np.int8))
Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)


class Verdict(NamedTuple):
    """Whether data may be used for a purpose, and by which rule. ``limited``: without some people, or only of some."""

    decision: Literal["allowed", "limited", "denied"]
    rule: str


class Bounds(NamedTuple):
    """Whose rows may be read: ``only`` those of these keys, or all but theirs."""

    keys: pa.Array
    only: bool

    @property
    def everything(self) -> bool:
        """Whether nobody is left out."""
        return not self.only and len(self.keys) == 0

    def within(self, rows: Rows, column: str = "customer_key") -> Rows:
        """Leave out rows of whoever may not be read; rows of nobody known stay."""
        if self.everything:
            return rows
        # A column in which nobody stands has no type of its own.
        theirs = pc.is_in(rows[column].cast(self.keys.type), value_set=self.keys)
        return rows.filter(pc.or_(theirs if self.only else pc.invert(theirs), pc.is_null(rows[column])))


class _MadeOf(NamedTuple):
    """What bounds follow from."""

    use: Use
    back: frozenset[str]
    stood: Stood
    former: Former

    def keys(self, *, only: bool) -> pa.Array:
        """Give the keys of whom they name, of today and of before: what was written before a merge lies under the key its writer had."""
        agreed = self.stood.states == STATES.index("given")
        said = self.stood.customers[agreed == only]
        restricted = np.array(sorted(p for p in self.back if p.startswith(_CUSTOMER)), NAME)
        if only:
            chosen = said[~find(restricted, said)[1]]
        else:
            chosen = with_these(said, restricted)
        return pa.array(with_these(chosen, self.former.of(chosen))).cast(pa.string())


class Permit:
    """Proof that data may be used for a purpose; made by `Gate.permit` alone."""

    def __init__(self, gate: Gate, purpose: Purpose, verdict: Verdict, *, made_by: object) -> None:
        if made_by is not _GATE:
            raise TypeError("only the gate gives permits")
        self._gate, self.purpose, self.verdict = gate, purpose, verdict

    def held(self, people: Sequence[str]) -> list[str]:
        """Name for each person the rule that holds them back now, or nothing.

        Parameters
        ----------
        people
            Keys of customers, as signals bear them, or strangers by their digest.
        """
        return self._gate.held(self.purpose, people)

    def bounds(self) -> Bounds:
        """Tell whose rows may be read."""
        return self._gate.bounds(self.purpose)


class Gate:
    """Decides about the use of data in one space.

    Parameters
    ----------
    desk
        Where people's words are kept.
    purposes
        Gives the purposes as they are set now.
    today
        Gives today's customer for keys that signals bear.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from allears.desk import Desk, upgrade
    >>> from allears.guard.aliases import Aliases
    >>> desk = Desk("sqlite:///desk.db", Path(tempfile.mkdtemp()))
    >>> upgrade(desk)
    >>> desk.aliases = Aliases(lambda purpose: bytes(32))
    >>> Gate(desk).permit("marketing").held(["c_1"])
    ['no consent to marketing']
    >>> desk.close()
    """

    def __init__(
        self,
        desk: Desk,
        purposes: Callable[[], Purposes] = default_purposes,
        today: Callable[[pa.Array], pa.Array] = lambda keys: keys,
    ) -> None:
        self._desk, self._purposes, self._today = desk, purposes, today
        self._bounds: dict[Purpose, tuple[_MadeOf, Bounds]] = {}
        self._standings: dict[Purpose, Standings] = {}
        self._former = FormerKeys(desk, today)
        self._restricted: tuple[object, frozenset[str]] = (None, frozenset())

    def use(self, purpose: Purpose) -> Use:
        """Give a purpose as this space has it."""
        return self._purposes()[purpose]

    def verdict(self, purpose: Purpose) -> Verdict:
        """Decide whether data may be used for a purpose at all."""
        use = self.use(purpose)
        if not use.on:
            return Verdict("denied", f"{purpose} is switched off")
        if use.basis == "consent":
            return Verdict("limited", f"{purpose}: only of those who consented")
        if use.heeds and anybody_said_no(self._desk, purpose):
            return Verdict("limited", f"{purpose}: without those who objected")
        if self.restricted(purpose):
            return Verdict("limited", f"{purpose}: without those whose data is restricted")
        return Verdict("allowed", f"{purpose}: {use.basis}")

    def permit(self, purpose: Purpose) -> Permit:
        """Let data be used for a purpose.

        Raises
        ------
        NotAllowed
            It may not; the message names the rule.
        """
        verdict = self.verdict(purpose)
        if verdict.decision == "denied":
            raise NotAllowed(verdict.rule, purpose=purpose)
        return Permit(self, purpose, verdict, made_by=_GATE)

    def held(self, purpose: Purpose, people: Sequence[str]) -> list[str]:
        """Name for each person the rule that holds them back now, or nothing; it shows no data and needs no permit."""
        use = self.use(purpose)
        if not use.on:
            return [f"{purpose} is switched off"] * len(people)
        back = self.restricted(purpose)
        if not (use.heeds or back) or not people:
            return [""] * len(people)
        now = self._now(people)
        told = standing(self._desk, purpose, now) if use.heeds else {}
        return [
            RESTRICTED
            if p.removeprefix(STRANGER) in back
            else _rule(use, purpose, told[p].state if p in told else None)
            if use.heeds
            else ""
            for p in now
        ]

    def restricted(self, purpose: Purpose) -> frozenset[str]:
        """Give the customers of today, and the identifiers, whose data is kept and not used for a purpose."""
        if purpose in SPARED:
            return frozenset()
        put, lifted = restrictions_mark(self._desk)
        if put == lifted:
            return frozenset()
        mark = (put, lifted, self._revision())
        if self._restricted[0] != mark:
            self._restricted = (mark, restricted_people(self._desk))
        return self._restricted[1]

    def bounds(self, purpose: Purpose) -> Bounds:
        """Tell whose rows may be read for a purpose.

        Raises
        ------
        NotAllowed
            Nobody's: it is switched off.
        """
        use = self.use(purpose)
        if not use.on:
            raise NotAllowed(f"{purpose} is switched off", purpose=purpose)
        only, back = use.basis == "consent", self.restricted(purpose)
        asked = use.heeds and (only or anybody_said_no(self._desk, purpose))
        if not asked and not back:
            return Bounds(pa.array([], pa.string()), only=False)
        made_of = _MadeOf(use, back, self.stood(purpose) if asked else _NOBODY, self._former.now())
        kept = self._bounds.get(purpose)
        if kept is None or kept[0] != made_of:
            keys = made_of.keys(only=only)
            # The same people again are the same bounds: what was laid out for them holds.
            same = kept is not None and kept[1].only == only and kept[1].keys.equals(keys)
            bounds = kept[1] if kept is not None and same else Bounds(keys, only)
            kept = self._bounds[purpose] = (made_of, bounds)
        return kept[1]

    def stood(self, purpose: Purpose) -> Stood:
        """Tell how every customer stands to a purpose by what they said; it shows no data and needs no permit."""
        return self._standings.setdefault(purpose, Standings(self._desk, purpose)).now()

    def _now(self, people: Sequence[str]) -> list[str]:
        known = [p for p in people if not p.startswith(STRANGER)]
        today = iter(self._today(pa.array(known, pa.string())).to_pylist())
        return [p if p.startswith(STRANGER) else str(next(today)) for p in people]

    def _revision(self) -> int:
        with self._desk.reading() as session:
            return int(session.scalar(select(func.max(IdentityRevision.revision))) or 0)


def _rule(use: Use, purpose: Purpose, state: str | None) -> str:
    if use.basis == "legitimate interest":
        return "" if state in (None, "given") else f"objected to {purpose}"
    return {
        "given": "",
        "refused": f"refused {purpose}",
        "withdrawn": f"withdrew consent to {purpose}",
    }.get(str(state), f"no consent to {purpose}")
