"""Writing down the truth: who, which identifiers, which messages, and when each planted thing peaked."""

from __future__ import annotations

import numpy as np

from allears.testing.behaviour import KIND, STORE
from allears.testing.draw import HOUR, Ints
from allears.testing.introduce import Register
from allears.testing.message import Message
from allears.testing.people import PLACEHOLDERS, People
from allears.testing.plot import Plot
from allears.testing.rows import moment
from allears.testing.segment import SOURCES, Journal
from allears.testing.spans import Traces
from allears.testing.truth import Identifier, Planted, Truth

NETWORK = "twitter"
"""Whose handles the simulated people have; the microblog's payloads have its shape."""
_SHOWN = ("email", "phone", "user_id", "anonymous_id", "handle")


def record_truth(
    people: People, plots: list[Plot], messages: list[Message], journal: Journal, traces: Traces
) -> Truth:
    """Write down everything an evaluation needs."""
    truth = Truth(relationship={person: people.relationship(person) for person in range(people.n)})
    register = Register(truth)
    _note_messages(truth, register, messages)
    _note_calls(register, journal)
    _note_spans(register, traces)
    truth.shared |= {i for i in truth.identifiers if i[1].lower() in PLACEHOLDERS}
    truth.planted = [_planted(place, plot, messages, journal, traces) for place, plot in enumerate(plots)]
    return truth


def _note_messages(truth: Truth, register: Register, messages: list[Message]) -> None:
    for message in messages:
        if message.text:
            truth.person_of_message[message.key] = message.person
            if message.personal:
                truth.personal[message.key] = list(dict.fromkeys(message.personal))
        if message.extra.get("out") and message.source == "microblog":
            continue
        who = message.extra["who"]
        shown = [(kind, who[kind]) for kind in _SHOWN if kind in who]
        register.note(
            message.person, [(k, f"{NETWORK}:{v.lstrip('@')}" if k == "handle" else v) for k, v in shown]
        )


def _note_calls(register: Register, journal: Journal) -> None:
    calls, people = journal.calls, journal.people
    pairs = np.unique(np.stack([calls.person, calls.device, journal.signed.astype(np.int64)]), axis=1)
    for person, device, signed in pairs.T.tolist():
        shown: list[Identifier] = [("user_id", people.user_id[person])] if signed else []
        if device != STORE:
            shown.append(("anonymous_id", people.device_anonymous[device]))
            if people.device_id[device]:
                shown.append(("device", people.device_id[device]))
        register.note(person, shown)
    for person in np.unique(calls.person[calls.kind == KIND["identify"]]).tolist():
        told: list[Identifier] = [("user_id", people.user_id[person]), ("email", people.email[person])]
        if people.phone[person] and person % 3:
            told.append(("phone", people.phone[person]))
        if people.handle[person] and people.handle_told[person]:
            told.append(("handle", f"{NETWORK}:{people.handle[person]}"))
        register.note(person, told)


def _note_spans(register: Register, traces: Traces) -> None:
    people, spans = traces.people, traces.spans
    pairs = np.unique(np.stack([spans.person, spans.device]), axis=1)
    for person, device in pairs.T.tolist():
        register.note(person, [("anonymous_id", people.device_anonymous[device])])


def _planted(place: int, plot: Plot, messages: list[Message], journal: Journal, traces: Traces) -> Planted:
    mine = [m for m in messages if m.cause == place]
    calls = np.flatnonzero(journal.calls.cause == place)
    spans = np.flatnonzero(traces.spans.cause == place)
    source = journal.source()[calls].tolist()
    telemetry = {f"{SOURCES[s]}:{own}" for s, own in zip(source, journal.ids(calls), strict=True)}
    telemetry |= {f"observability:{own}" for own in traces.ids(spans)}
    times = np.array([m.at for m in mine], dtype=np.int64)
    if plot.kind == "incident":
        times = np.concatenate([times, traces.spans.at[spans]])
    return Planted(
        plot.name, plot.kind, plot.department, plot.facets, moment(plot.began), moment(_peak(plot, times)),
        None if plot.fixed is None else moment(plot.fixed), moment(plot.ended), plot.recovered, plot.half_life_days,
        plot.drop, set(plot.hits.tolist()), {m.key for m in mine if m.text}, telemetry,
    )  # fmt: skip


def _peak(plot: Plot, times: Ints) -> int:
    """Find the hour with the most messages and failures, smoothed over three; days count for what takes weeks."""
    if plot.kind == "opportunity":
        return plot.ended
    times = times[(times >= plot.began) & (times < plot.ended)]
    if not len(times) or plot.name in ("seasonal-peak", "new-channel"):
        return (plot.began + plot.ended) // 2
    counts = np.bincount((times - plot.began) // HOUR)
    smooth = np.convolve(counts, [0.25, 0.5, 0.25], mode="same")
    return int(plot.began + int(np.argmax(smooth)) * HOUR + HOUR // 2)
