"""A call: turns of speech with speaker and time, turned into arrivals of one thread."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from allears.listen.gather import Gather
from allears.listen.reading import BadRow

SECOND = 1_000_000
PAUSE = 1.5
LONGEST_TURN = 60.0
CUSTOMER = frozenset(
    ["customer", "caller", "client", "guest", "member", "patient", "consumer", "user", "end_user", "external", "visitor", "kunde", "kundin",
     "cliente", "anrufer", "appelant", "chiamante"]
)  # fmt: skip
COMPANY = frozenset(
    ["agent", "representative", "rep", "advisor", "adviser", "operator", "support", "host", "employee", "internal", "supervisor", "ivr", "acd",
     "bot", "system", "custom_bot", "automated_agent", "human_agent", "virtual_agent", "voicebot", "assistant", "mitarbeiter", "conseiller", "operatore", "agente"]
)  # fmt: skip
# "Speaker 2", "Channel 0", "B": these name a voice, not a person.
NUMBERED = ("speaker", "channel", "spk", "participant", "unknown")


@dataclass(frozen=True)
class Turn:
    """What one speaker said without a break; seconds from the start of the call."""

    start: float
    end: float
    speaker: str | None
    text: str
    role: str | None = None


@dataclass(frozen=True)
class Call:
    """A whole call.

    Attributes
    ----------
    began
        Microseconds since 1970; None where the transcript does not say.
    told
        Where the start was found, for ``properties``.
    """

    turns: list[Turn]
    id: str | None = None
    began: int | None = None
    told: str = "transcript"
    platform: str | None = None


def role_of(word: str | None, company: Collection[str] = ()) -> str | None:
    """Tell whether a speaker's name says customer or agent; None when it says neither.

    Examples
    --------
    >>> role_of("CUSTOMER"), role_of("Agent 2"), role_of("Bo"), role_of("Bo", ["bo"])
    ('customer', 'agent', None, 'agent')
    """
    if word is None:
        return None
    low = word.strip().casefold()
    if low in company:
        return "agent"
    bare = low.replace("-", "_").replace(" ", "_").rstrip("_0123456789")
    return "customer" if bare in CUSTOMER else "agent" if bare in COMPANY else None


def with_roles(turns: Sequence[Turn], company: Collection[str] = ()) -> list[Turn]:
    """Say who is the customer: by the speakers' names, else whoever is left when all others are known to be agents."""
    named = [t if t.role else replace(t, role=role_of(t.speaker, company)) for t in turns]
    left = {t.speaker for t in named if t.role is None}
    others = {t.role for t in named} - {None}
    if len(left) == 1 and others in ({"agent"}, {"customer"}):
        rest = "customer" if others == {"agent"} else "agent"
        return [t if t.role else replace(t, role=rest) for t in named]
    if company and left:
        return [t if t.role else replace(t, role="customer") for t in named]
    return named


def joined(turns: Iterable[Turn]) -> list[Turn]:
    """Put together what one speaker said without a break: captions cut sentences to fit a screen."""
    found: list[Turn] = []
    for turn in sorted(turns, key=lambda t: (t.start, t.end)):
        last = found[-1] if found else None
        if (
            last is not None
            and (turn.speaker, turn.role) == (last.speaker, last.role)
            and turn.start - last.end <= PAUSE
            and turn.end - last.start <= LONGEST_TURN
        ):
            found[-1] = replace(last, end=max(last.end, turn.end), text=f"{last.text} {turn.text}")
        else:
            found.append(turn)
    return found


def talk(turns: Sequence[Turn]) -> dict[str, float]:
    """Measure a call: seconds in all, of silence, of overtalk, and of each side's speech.

    Silence is when nobody speaks between the first and the last word; overtalk when two or more do.

    Examples
    --------
    >>> talk([Turn(0, 4, "a", "", "agent"), Turn(3, 6, "b", "", "customer"), Turn(8, 10, "a", "", "agent")])
    {'seconds': 10.0, 'silence': 2.0, 'silence_share': 0.2, 'overtalk': 1.0, 'overtalk_share': 0.1, 'agent': 6.0, 'customer': 3.0}
    """
    if not any(t.end > t.start for t in turns):
        return {}  # the transcript tells when turns begin, not how long they last
    edges = sorted(
        [(t.start, 1, t.speaker) for t in turns] + [(t.end, -1, t.speaker) for t in turns],
        key=lambda edge: (edge[0], edge[1]),
    )
    speaking: dict[str | None, int] = {}
    silence = overtalk = 0.0
    place = edges[0][0] if edges else 0.0
    begin = place
    for at, step, who in edges:
        voices = sum(count > 0 for count in speaking.values())
        silence += (at - place) * (voices == 0)
        overtalk += (at - place) * (voices > 1)
        speaking[who] = speaking.get(who, 0) + step
        place = at
    whole = place - begin
    told = {"seconds": whole, "silence": silence, "silence_share": silence / whole if whole else 0.0}
    told |= {"overtalk": overtalk, "overtalk_share": overtalk / whole if whole else 0.0}
    for role in ("agent", "customer"):
        told[role] = sum(t.end - t.start for t in turns if t.role == role)
    return {name: round(float(value), 3) for name, value in told.items()}


def add_call(gather: Gather, call: Call, raw: bytes) -> None:
    """Add a call: one event that measures it, and one signal for each turn.

    What the customer said is feedback; what an agent said is outgoing. Of a voice that is known to be neither, the turns
    are kept as events: counted as the customer's words they would put the agent's mood into the figures.

    Raises
    ------
    BadRow
        It holds no speech.
    """
    mapping = gather.context.mapping
    company = frozenset(name.strip().casefold() for name in mapping.outbound) if mapping else frozenset()
    turns = [t for t in joined(with_roles(call.turns, company)) if t.text.strip()]
    if not turns:
        raise BadRow("expected speech: no turn with text")
    own = gather.signal_id(call.id, raw)
    thread = own.removeprefix(f"{gather.context.source}:")
    note: dict[str, Any] = {} if call.began is not None else {"start_assumed": "arrival"}
    if call.began is not None and call.told != "transcript":
        note["start_assumed"] = call.told
    begin = gather.settle(None if call.began is None else (call.began, False), note)
    # The caller's turns are one person's, even where nothing says whose.
    identifiers = [("anonymous_id", f"call:{own}")]
    channel = gather.context.channel or "call"
    silent = [t for t in turns if t.role is None]
    whole: dict[str, Any] = {**talk(turns), **note, "turns": len(turns)}
    if call.platform:
        whole["platform"] = call.platform
    if silent:
        whole["turns_of_unknown_role"] = len(silent)
    gather.add(own, begin, "event", channel, name="call", identifiers=identifiers, thread=thread, rest=whole)
    end = turns[0].start
    for number, turn in enumerate(turns, 1):
        customer = turn.role == "customer"
        rest: dict[str, Any] = {"role": turn.role or "unknown"}
        if turn.end > turn.start:
            rest["seconds"] = round(turn.end - turn.start, 3)
        if number > 1 and turn.start > end:
            rest["silence_before"] = round(turn.start - end, 3)
        if turn.start < end:
            rest["overtalk"] = round(min(end, turn.end) - turn.start, 3)
        end = max(end, turn.end)
        name = turn.speaker if customer and turn.speaker and not _nameless(turn.speaker) else None
        gather.add(
            f"{own}:{number}",
            begin + round(turn.start * SECOND),
            "feedback" if turn.role else "event",
            channel,
            name="call turn",
            direction="out" if turn.role == "agent" else "in",
            identifiers=identifiers,
            personal=[*identifiers, ("name", name)] if name else identifiers,
            thread=thread,
            text=turn.text.strip() if turn.role else None,
            rest=rest | ({} if turn.role else {"said": turn.text.strip()}),
        )


def _nameless(speaker: str) -> bool:
    low = speaker.strip().casefold()
    return role_of(speaker) is not None or low.startswith(NUMBERED) or len(low) < 3 or low.isdigit()
