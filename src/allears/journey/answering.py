"""Answers to our own surveys: what a link leads to, and how an answer becomes signals like any other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import NamedTuple

import msgspec

from allears.act.invite import ANSWERS_AS, find_invitation, settle_answered
from allears.act.survey import Survey
from allears.errors import NotFound, Refused
from allears.guard.ticket import Ticket, new_id, read_ticket, write_ticket
from allears.journey.ground import Ground
from allears.journey.surveys import SOURCE, Surveys
from allears.journey.take import take
from allears.listen.answers import Answer, Response

LINKS = "ask/link"
VISIT = timedelta(hours=24)


class Opened(NamedTuple):
    """What a link leads to: ``state`` is open, answered, ended or withdrawn."""

    survey: Survey
    state: str
    ticket: Ticket
    personal: bool
    language: str | None = None


class Answering:
    """Takes the answers of one space in."""

    def __init__(self, ground: Ground, surveys: Surveys) -> None:
        self._ground, self._surveys = ground, surveys
        self._link_key = ground.vault.sub_key(LINKS)

    def open(self, token: str) -> Opened:
        """Find what a link leads to.

        Raises
        ------
        NotFound
            The link was not made here, or the invitation is no more.
        """
        ticket = read_ticket(self._link_key, token)
        found = find_invitation(self._ground.desk, ticket.id)
        if found is None:
            raise NotFound("no such link")
        row, move = found
        state = "open"
        if row.state == "answered":
            state = "answered"
        elif row.state != "invited" or move in ("suppressed", "dismissed", "failed"):
            state = "withdrawn"
        elif self._ground.clock.now() >= ticket.ends_at:
            state = "ended"
        return Opened(self._surveys.survey(row.survey), state, ticket, True, row.language)

    def visit(self, name: str) -> str:
        """Begin an anonymous visit of a public survey: a ticket that counts once."""
        self._public(name)
        return write_ticket(self._visit_key(name), new_id(), self._ground.clock.now() + VISIT)

    def open_visit(self, name: str, token: str) -> Opened:
        """Find what an anonymous visit leads to."""
        survey = self._public(name)
        ticket = read_ticket(self._visit_key(name), token)
        state = "ended" if self._ground.clock.now() >= ticket.ends_at else "open"
        return Opened(survey, state, ticket, False)

    def answer(self, opened: Opened, answers: Sequence[Answer], *, language: str, by: str) -> Future[None]:
        """Take an answer in, as any other signal. The future is done when it is durable; then call `settle`.

        Raises
        ------
        Refused
            An answer does not fit its scale; it was kept in ``refused``.
        InboxFull
            Try again later; nothing was accepted.
        """
        response = Response(
            # The lake shows ids of signals: they must not lead to the invitation.
            response=self._ground.pseudonym(opened.ticket.id),
            survey=opened.survey.name,
            version=opened.survey.version,
            answers=list(answers),
            person=ANSWERS_AS + opened.ticket.id if opened.personal else None,
            language=language,
            by=by,
        )
        receipt, done = take(
            self._ground, "answers", msgspec.json.encode(response), source=SOURCE, channel="survey"
        )
        if not receipt.accepted:
            raise Refused(receipt.reasons[0]["reason"], place=receipt.reasons[0]["place"])
        return done

    def settle(self, opened: Opened) -> None:
        """Write down that an invitation was answered, once the answer is durable.

        A crash before this leaves the link open; a second answer has the same signal ids and counts once.
        """
        if opened.personal:
            settle_answered(self._ground.desk, opened.ticket.id, self._ground.clock.now())

    def _public(self, name: str) -> Survey:
        survey = self._surveys.survey(name) if name in self._surveys.names() else None
        if survey is None or not survey.public:
            raise NotFound("no such survey")
        return survey

    def _visit_key(self, name: str) -> bytes:
        return self._ground.vault.sub_key(f"ask/visit/{name}")
