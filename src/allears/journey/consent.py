"""What people say about the use of their data: noted by a person, taken from a file, told back, and proven."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from allears.desk.consent import WORDS
from allears.errors import Refused
from allears.guard.consent import (
    STATES,
    State,
    Word,
    history,
    standing,
)
from allears.guard.expressed import read_word
from allears.guard.parcel import pack
from allears.guard.purpose import PURPOSES, Purpose
from allears.guard.standings import coverage
from allears.journey.deeds import keep_words
from allears.journey.ground import Ground
from allears.journey.holds import owner_of
from allears.journey.questions import named
from allears.journey.refusing import keep_refused
from allears.journey.rules import purposes
from allears.journey.said import clean_each
from allears.journey.segment import read_rows
from allears.know.identifiers import normalise
from allears.know.resolve import FIELDS
from allears.listen.reading import Refusal
from allears.listen.times import read_time

_KINDS = ("email", "phone", "user_id", "anonymous_id", "device")
_FIELD_OF = {name: kind for kind, names in FIELDS.items() if kind in _KINDS for name in names}
_NEEDED = ("purpose", "state", "said_at")


class Imported(msgspec.Struct, frozen=True):
    """What a file of words brought."""

    rows: int
    new: int
    known: int
    refused: int


def say(
    ground: Ground,
    who: str,
    purpose: str,
    state: str,
    *,
    why: str,
    actor: str,
    source: str = "page",
    version: str = "",
    at: datetime | None = None,
) -> str:
    """Note a yes or a no that somebody told; it counts from this moment on. Returns the word's name.

    Parameters
    ----------
    why
        How it was told, such as "on the phone, case 1234": the proof. Redacted before it is kept.
    version
        Of the text they agreed to.
    at
        When it was said, if not now.

    Raises
    ------
    NotFound
        Nobody is known by that.
    Refused
        There is no such purpose or state, no reason, or it was said in the future.
    """
    now = ground.clock.now()
    if not why.strip():
        raise Refused("expected how it was told", place="--why")
    if at is not None and at > now:
        raise Refused("expected a time that is over", place="--at")
    customer, digests = named(ground, who)
    [why, version] = clean_each(ground, [why, version], [[customer]] * 2)
    word = Word(
        tuple(digests),
        read_purpose(purpose),
        read_state(state),
        at or now,
        source,
        actor,
        version,
        why,
    )
    [kept] = ground.desk.aliases.of(WORDS, [word.name])
    with ground.desk.session() as session:
        detail: dict[str, str | int] = {"purpose": word.purpose, "state": word.state, "word": kept}
        ground.audit.write(session, actor, "consent", [customer], why, dict(detail))
        keep_words(ground, session, [word], now, actor)
    return kept


def take_words(ground: Ground, path: Path, *, actor: str) -> Imported:
    """Take words in from a CSV file: identifiers, ``purpose``, ``state``, ``said_at``, and where known ``version`` and ``how``.

    A row that says too little is kept in ``refused``, with its line and the reason, and costs the others nothing. The
    same file taken in twice changes nothing.

    Raises
    ------
    NotFound
        There is no such file.
    Refused
        It lacks the columns.
    """
    rows, columns = read_rows(path)
    names = {column.strip().lower(): column for column in columns}
    kinds = {names[name]: kind for name, kind in _FIELD_OF.items() if name in names}
    if not kinds or not set(_NEEDED) <= names.keys():
        raise Refused(
            f"expected the columns purpose, state, said_at and one of {', '.join(_KINDS)}",
            place=f"{path.name} line 1",
        )
    now, words, refusals = ground.clock.now(), list[Word](), list[Refusal]()
    digests = list(_digests(ground, rows, kinds))
    hows = _hows(ground, [row[names["how"]] if "how" in names else "" for row in rows], digests)
    for number, (row, mine, how) in enumerate(zip(rows, digests, hows, strict=True), start=2):
        told = {name: row[column].strip() for name, column in names.items()} | {"how": how}
        try:
            words.append(_word(told, mine, f"file {path.name}", actor, now))
        except Refused as error:
            line = msgspec.json.encode(row)
            refusals.append(Refusal(f"{path.name} line {number}", error.message, line, "raw"))
    with ground.desk.session() as session:
        new = keep_words(ground, session, words, now, actor)
        counts: dict[str, str | int] = {"rows": len(rows), "new": new, "refused": len(refusals)}
        ground.audit.write(session, actor, "consent.import", [path.name], "", dict(counts))
    keep_refused(ground, refusals, source="consent", channel=None, at=now)
    return Imported(len(rows), new, len({w.name for w in words}) - new, len(refusals))


def consents(ground: Ground, who: str) -> dict[str, Any]:
    """Tell what holds of somebody for each purpose, and every word behind it.

    Raises
    ------
    NotFound
        Nobody is known by that.
    """
    customer = named(ground, who)[0]
    held = []
    for purpose in PURPOSES:
        use = purposes(ground)[purpose]
        told = standing(ground.desk, purpose, [customer]).get(customer)
        rule = ground.gate.held(purpose, [customer])[0]
        held.append(
            {
                "purpose": purpose,
                "basis": use.basis,
                "heeds": use.heeds,
                "says": use.says,
                "state": told.state if told else "unknown",
                "since": told.since if told else None,
                "allowed": not rule,
                "rule": rule or f"{purpose}: {use.basis}",
            }
        )
    return {
        "customer": customer,
        "purposes": held,
        "history": history(ground.desk, ground.graph.digests_of(customer)),
    }


def prove(ground: Ground, who: str, out: Path, *, actor: str) -> int:
    """Write what somebody said, word by word, to a signed file; `allears.guard.parcel.sound_parcel` checks it.

    Returns
    -------
    int
        How many words are in it.

    Raises
    ------
    NotFound
        Nobody is known by that.
    Refused
        There is a file already.
    """
    told = consents(ground, who)
    told |= {
        "company": ground.settings.space.name,
        "made_at": ground.clock.now(),
        "form": "allears proof of consent 1",
    }
    body = msgspec.json.format(msgspec.json.encode(told), indent=2)
    content = pack({"consent.json": body}, ground.audit.signer, ground.clock.now())
    try:
        with out.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise Refused("there is a file already", place="--out") from None
    n = len(told["history"])
    ground.audit.record(actor, "consent.proof", told["customer"], detail={"words": n})
    return n


def covered(ground: Ground) -> list[dict[str, Any]]:
    """Count for each purpose what customers said: given, refused, withdrawn, unknown, and n."""
    found = purposes(ground)
    return [
        {
            "purpose": purpose,
            "basis": found[purpose].basis,
            "on": found[purpose].on,
            "heeds": found[purpose].heeds,
            **coverage(ground.desk, ground.gate.stood(purpose)),
            "decision": ground.gate.verdict(purpose).decision,
            "verdict": ground.gate.verdict(purpose).rule,
        }
        for purpose in PURPOSES
    ]


def read_purpose(text: str) -> Purpose:
    """Turn a word into a purpose.

    Raises
    ------
    Refused
        It is none; the message lists them.
    """
    if text not in PURPOSES:
        raise Refused(f"no such purpose; there are {', '.join(PURPOSES)}", place="purpose")
    return text


def read_state(text: str) -> State:
    """Turn a word for yes or no into a state.

    Raises
    ------
    Refused
        It is none.
    """
    state = read_word(text)
    if state is None:
        raise Refused(f"expected {', '.join(STATES)}", place="state")
    return state


def _word(told: dict[str, str], digests: tuple[str, ...], source: str, actor: str, now: datetime) -> Word:
    if not digests:
        raise Refused("no identifier that can be used")
    purpose, state = read_purpose(told["purpose"].lower()), read_state(told["state"])
    found = read_time(told["said_at"])
    if found is None:
        raise Refused("expected a time such as 2026-05-04T12:00:00Z in said_at")
    at = datetime.fromtimestamp(found[0] / 1_000_000, UTC)
    if at > now:
        raise Refused("said in the future")
    return Word(digests, purpose, state, at, source, actor, told.get("version", ""), told["how"])


def _digests(ground: Ground, rows: list[dict[str, str]], kinds: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """Give the digests of each row's identifiers, all of one kind at once."""
    region = ground.settings.space.region
    found: list[list[str]] = [[] for _ in rows]
    for column, kind in kinds.items():
        forms = [(place, normalise(kind, row[column], region)) for place, row in enumerate(rows)]
        usable = [(place, form) for place, form in forms if form]
        for (place, _), digest in zip(
            usable, ground.vault.digest(kind, [form for _, form in usable]), strict=True
        ):
            found[place].append(digest)
    return (tuple(mine) for mine in found)


def _hows(ground: Ground, told: Sequence[str], digests: Sequence[tuple[str, ...]]) -> list[str]:
    """Clean how each row was told of what is known of whom it is about."""
    different = {digest for how, mine in zip(told, digests, strict=True) if how.strip() for digest in mine}
    whose = owner_of(ground, different)
    return clean_each(ground, told, [sorted({whose[d] for d in mine if d in whose}) for mine in digests])
