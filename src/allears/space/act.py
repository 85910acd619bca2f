"""Send the work: issues, cases, playbooks, moves, destinations, surveys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allears.act import case as case_desk
from allears.act import issue as issue_desk
from allears.act import moves as move_desk
from allears.act.deliver import Outbox, new_secret
from allears.act.explain import explain as explain_playbook
from allears.errors import Refused
from allears.journey import playbooks, promises, rules, sharing
from allears.journey.answering import Answering
from allears.journey.inviting import Inviting
from allears.journey.said import clean, of_case
from allears.journey.surveys import Surveys
from allears.space.ground import Grounded

if TYPE_CHECKING:
    from allears.act.happening import Happening
    from allears.act.issue import Change


class Acting(Grounded):
    """Send the work: issues, cases, playbooks, moves, destinations, surveys."""

    def acknowledge(self, issue: str) -> None:
        """Say that somebody is on it."""
        issue_desk.acknowledge(self.ground.desk, issue, self.actor, self.now())

    def mark_fixed(self, issue: str, at: datetime | None = None, *, actor: str | None = None) -> None:
        """Say that the cause was mended: from here the verdict is measured, and playbooks that wait for it run."""
        moment = at or self.now()
        self.react(moment, [issue_desk.mark_fixed(self.ground.desk, issue, actor or self.actor, moment)])

    def dismiss(self, issue: str) -> None:
        """Say that it is no issue."""
        issue_desk.dismiss(self.ground.desk, issue, self.actor, self.now())

    def share(self, issue: str, partner: str, *, title: str = "") -> None:
        """Let a partner's people see an issue: its title as given here, its state, and of its signals their own."""
        sharing.share(self.ground, issue, partner, title=title, actor=self.actor)

    def unshare(self, issue: str, partner: str) -> None:
        """Let a partner's people see an issue no longer."""
        sharing.unshare(self.ground, issue, partner, actor=self.actor)

    def move_case(self, case: str, state: str, *, note: str = "") -> None:
        """Move a case on: acknowledged, fixed, closed, open again."""
        note = clean(self.ground, note, of_case(self.ground, case))
        case_desk.move_case(self.ground.desk, case, state, self.actor, self.now(), note)

    def follow_promises_up(self) -> int:
        """Open a case for each promise that broke within the last week; returns how many are new."""
        return promises.follow_up(self.ground)

    def react(self, since: datetime, changes: Sequence[Change] = (), given: Sequence[Happening] = ()) -> int:
        """Run the playbooks that are on: over what arrived since, issues that changed, burns; returns how many moves are new."""
        permit = self.permit("service")
        done = playbooks.run(self.ground, permit, since=since, at=self.now(), changes=changes, given=given)
        self._invite_approved()
        return done

    def check_rules(self) -> Iterator[dict[str, Any]]:
        """Read what was set by hand - routes, clocks, objectives, playbooks - and say whether it is right."""
        return rules.check(self.ground)

    def require_rules(self) -> None:
        """Insist that what was set by hand is right.

        Raises
        ------
        Refused
            A file is wrong; ``place`` names it.
        """
        for found in self.check_rules():
            if not found["ok"]:
                raise Refused(found["says"], place=found["check"])
        rules.remember(self.ground)

    @property
    def outbox(self) -> Outbox:
        """Deliveries: destinations, what waits, what was given up."""
        return self.ground.outbox

    def add_destination(
        self, name: str, url: str, *, kind: str = "webhook", allow_private: bool = False
    ) -> str | None:
        """Add a destination; returns a webhook's signing secret, to be shown once."""
        secret = new_secret() if kind == "webhook" else url
        shown = url if kind == "webhook" else url.partition("://")[0] + "://"
        sealed = self.ground.vault.seal_space(secret.encode(), "destination", name)
        self.outbox.add_destination(name, shown, secret=sealed, kind=kind, allow_private=allow_private)
        return secret if kind == "webhook" else None

    def remove_destination(self, name: str) -> None:
        """Forget a destination and what still waits for it."""
        self.outbox.remove(name)
        self.ground.audit.record(self.actor, "destination.remove", name)

    async def deliver(self, stop: asyncio.Event) -> None:
        """Send what is due until told to stop."""
        await self.outbox.worker(stop)

    def moves(
        self, *, state: str | None = None, decision: str | None = None, limit: int = 200
    ) -> list[dict[str, Any]]:
        """List what playbooks decided, newest first; with a decision, each of its moves."""
        desk, gate = self.ground.desk, self.ground.gate
        if decision is None:
            return move_desk.decisions(desk, state=state, limit=limit)
        return move_desk.moves(desk, gate, decision=decision, state=state, limit=limit)

    def settle_moves(self, ids: Sequence[str], state: str, *, actor: str | None = None) -> int:
        """Say what becomes of proposed moves: approved, dismissed, sent, failed; returns how many it were."""
        done = move_desk.settle(self.ground.desk, self.ground.gate, ids, state)
        for given in ids:
            self.ground.audit.record(actor or self.actor, f"move.{state}", given, detail={"moves": done})
        if state == "approved":
            self._invite_approved()
        return done

    def _invite_approved(self) -> None:
        # Asked for again with each reaction, so that a crash between the yes and the links loses none.
        via = playbooks.survey_destinations(self.ground)
        # Where surveys are switched off, approved ones wait.
        if via is not None and self.ground.gate.verdict("research").decision != "denied":
            self.inviting.serve_moves(self.permit("research"), via)

    def playbooks(self) -> list[dict[str, Any]]:
        """List playbooks: those that ship and the space's own."""
        return playbooks.listed(self.ground)

    def explain(self, playbook: str) -> str:
        """Say in words what a playbook does."""
        return explain_playbook(playbooks.find(self.ground, playbook))

    def rehearse(self, playbook: str, *, days: int = 30) -> dict[str, Any]:
        """Count what a playbook would have done, without doing it."""
        return playbooks.rehearse(self.ground, self.permit("service"), playbook, days)

    def switch_on(self, playbook: str) -> Path:
        """Switch a playbook on; returns its file in the space."""
        return playbooks.switch_on(self.ground, playbook)

    def switch_off(self, playbook: str) -> None:
        """Switch a playbook off."""
        playbooks.switch_off(self.ground, playbook)

    @cached_property
    def surveys(self) -> Surveys:
        """Our own surveys: what they ask, how many answered."""
        return Surveys(self.ground)

    @cached_property
    def inviting(self) -> Inviting:
        """Who is asked by which survey, and the links."""
        return Inviting(self.ground, self.surveys)

    @cached_property
    def answering(self) -> Answering:
        """Answers to our own surveys, on their way in."""
        return Answering(self.ground, self.surveys)

    def ask(
        self,
        survey: str,
        to: str,
        *,
        sample: int | None = None,
        dry_run: bool = False,
        via: str | None = None,
    ) -> tuple[dict[str, Any], list[dict[str, str]]]:
        """Invite the people of a CSV file, or the customers of a segment such as ``channel=chat,days=30``.

        Returns
        -------
        tuple
            What was decided, and the rows of those invited with the ``link`` of each; no links on a dry run.
        """
        permit = self.permit("research")
        return self.inviting.ask(
            permit, survey, to, actor=self.actor, sample=sample, dry_run=dry_run, via=via
        )

    def links(self, survey: str) -> list[dict[str, str]]:
        """Hand out the links that playbooks made and that are due, each once."""
        return self.inviting.links(self.permit("research"), survey, actor=self.actor)
