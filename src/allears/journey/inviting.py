"""Inviting: whom a survey goes to, told as signals, with links for those who send them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from allears.act.invite import (
    ANSWERS_AS,
    Candidate,
    Decision,
    hand_out,
    invite,
    invite_for_moves,
    waiting_links,
)
from allears.act.scene import COLUMNS, Scene
from allears.act.survey import Survey
from allears.desk.asking import Invitation
from allears.desk.work import Move
from allears.errors import NotFound
from allears.guard.permit import Permit
from allears.guard.ticket import new_id, write_ticket
from allears.journey.answering import LINKS
from allears.journey.ground import Ground
from allears.journey.playbooks import SCENE_DAYS
from allears.journey.segment import customers_in, identifiers_of, people_in, read_segment, strata_of
from allears.journey.surveys import SOURCE, Surveys
from allears.journey.take import take


class Inviting:
    """Makes the invitations of one space."""

    def __init__(self, ground: Ground, surveys: Surveys) -> None:
        self._ground, self._surveys = ground, surveys
        self._link_key = ground.vault.sub_key(LINKS)

    def ask(
        self,
        permit: Permit,
        name: str,
        to: str,
        *,
        actor: str,
        sample: int | None = None,
        dry_run: bool = False,
        via: str | None = None,
    ) -> tuple[dict[str, Any], list[dict[str, str]]]:
        """Invite people named in a CSV file, or customers of a segment.

        Returns
        -------
        tuple
            What was decided (``invited``, ``held``, ``reasons``), and for each invited person their row with the
            ``link``; no links on a dry run.
        """
        survey, ground = self._surveys.survey(name), self._ground
        rows, candidates = self._whom(to, sample)
        if via is not None:
            self._demand_destination(via)
        at = ground.clock.now()
        usable = [(row, c) for row, c in zip(rows, candidates, strict=True) if c is not None]
        asked_by = f"list {Path(to).name}" if _is_file(to) else f"segment {to}"
        made = invite(
            ground.desk,
            survey,
            [msgspec.structs.replace(c, strata=c.strata | {"asked_by": asked_by}) for _, c in usable],
            self._contacts(at),
            permit=permit,
            at=at,
            asked_by=asked_by,
            new_id=new_id,
            digests=self._digests,
            dry_run=dry_run,
        )
        reasons = Counter(d.held_by for d in made if not d.invited)
        reasons |= Counter({"no identifier that can be used": len(rows) - len(usable)})
        told = {
            "survey": name,
            "candidates": len(rows),
            "invited": sum(d.invited for d in made),
            "held": len(rows) - sum(d.invited for d in made),
            "reasons": {reason: n for reason, n in reasons.most_common() if n},
            "dry_run": dry_run,
        }
        if dry_run:
            return told, []
        chosen = [(row, d) for (row, _), d in zip(usable, made, strict=True) if d.invited]
        self._let_know(survey, chosen)
        detail: dict[str, str | int] = {
            "survey": name,
            "invited": len(chosen),
            "held": len(rows) - len(chosen),
        }
        ground.audit.record(actor, "survey.invite", name, detail=detail)
        links = [
            {**row, "link": self.link(d.id, d.expires_at), "survey_language": d.candidate.language or "",
             "expires_at": d.expires_at.isoformat(timespec="seconds")}
            for row, d in chosen
        ]  # fmt: skip
        if via is not None:
            self._pass_on(
                via,
                [(d.id, d.expires_at, d.candidate.key, d.candidate.language) for _, d in chosen],
                name,
            )
        hand_out(ground.desk, [d.id for _, d in chosen], at)
        return told, links

    def links(self, permit: Permit, name: str, *, actor: str) -> list[dict[str, str]]:
        """Hand out the links that playbooks made and that are due; each is handed out once."""
        self._surveys.survey(name)
        at = self._ground.clock.now()
        waiting = waiting_links(self._ground.desk, name, at, permit)
        owners = self._owners(waiting)
        found = [
            {
                "customer": owners.get(row.digest, ""),
                "link": self.link(row.id, row.expires_at),
                "survey_language": row.language or "",
                "expires_at": row.expires_at.isoformat(timespec="seconds"),
                "asked_by": row.asked_by,
            }
            for row in waiting
        ]
        hand_out(self._ground.desk, [row.id for row in waiting], at)
        if found:
            self._ground.audit.record(actor, "survey.links", name, detail={"links": len(found)})
        return found

    def serve_moves(self, permit: Permit, via: dict[str, str]) -> int:
        """Make the invitations that approved survey moves of playbooks lack, and pass those on that have a destination.

        Parameters
        ----------
        via
            Playbook to destination.
        """
        surveys = self._surveys.sound()
        made = invite_for_moves(
            self._ground.desk,
            surveys,
            permit=permit,
            at=self._ground.clock.now(),
            new_id=new_id,
            digests=self._digests,
            strata=lambda customers: strata_of(self._ground, customers),
        )
        if not made:
            return 0
        for survey in {row.survey for _, row in made}:
            mine = [(m, r) for m, r in made if r.survey == survey]
            decisions: list[tuple[dict[str, str], Decision]] = [
                ({}, Decision(Candidate(m.customer), r.id, r.expires_at)) for m, r in mine
            ]
            self._let_know(surveys[survey], decisions)
        for move, row in made:
            if move.playbook in via:
                self._pass_on_move(via[move.playbook], move, row)
        return len(made)

    def link(self, id: str, ends_at: datetime) -> str:
        """Write the address of an invitation: it holds no word about the person."""
        return f"{self._ground.settings.ask.url.rstrip('/')}/ask/{write_ticket(self._link_key, id, ends_at)}"

    def _whom(self, to: str, sample: int | None) -> tuple[list[dict[str, str]], list[Candidate | None]]:
        if _is_file(to):
            rows, candidates = people_in(self._ground, Path(to))
            return rows[:sample], candidates[:sample]
        found = customers_in(self._ground, read_segment(to), sample)
        return [{"customer": str(c.customer)} for c in found], list(found)

    def _contacts(self, at: datetime) -> Scene:
        """Read when the company reached out unasked, of the last weeks: what fatigue needs of the signals."""
        columns = ", ".join(f'"{c}"' for c in COLUMNS)
        return Scene(
            self._ground.serving.query(
                f"""SELECT {columns} FROM signals WHERE occurred_at > $since AND occurred_at <= $until
                    AND direction = 'out' AND thread IS NULL AND customer_key IS NOT NULL""",
                since=at - timedelta(days=SCENE_DAYS),
                until=at,
            )
        )

    def _let_know(self, survey: Survey, chosen: Sequence[tuple[dict[str, str], Decision]]) -> None:
        """Tell who was asked: known customers get the name answers come back under, and the asking is a signal of its own."""
        ground = self._ground
        known = [d for row, d in chosen if d.candidate.person is None]
        if known:
            ground.graph.introduce(
                [str(d.candidate.customer) for d in known],
                "anonymous_id",
                [ANSWERS_AS + d.id for d in known],
                SOURCE,
            )
        region = ground.settings.space.region
        signals = [
            {
                "signal_id": f"invitation:{ground.pseudonym(d.id)}",
                "kind": "event",
                "direction": "out",
                "channel": "survey",
                "name": "Survey invitation",
                "identifiers": {**(identifiers_of(row, region) if d.candidate.person else {}), "anonymous_id": ANSWERS_AS + d.id},
                "properties": {"survey": survey.name},
            }
            for row, d in chosen
        ]  # fmt: skip
        for start in range(0, len(signals), 5_000):
            _, done = take(
                ground,
                "signals",
                msgspec.json.encode(signals[start : start + 5_000]),
                source=SOURCE,
                channel="survey",
            )
            done.result()

    def _pass_on(
        self, via: str, invited: Sequence[tuple[str, datetime, str, str | None]], survey: str
    ) -> None:
        at = self._ground.clock.now()
        with self._ground.desk.session() as session:
            for id, ends_at, person, language in invited:
                told = self._notice(survey, id, ends_at, language)
                self._ground.outbox.put(
                    "survey.invited", told, [via], purpose="research", person=person,
                    event_id=f"msg_ask_{id}", at=at, session=session,
                )  # fmt: skip

    def _pass_on_move(self, via: str, move: Move, row: Invitation) -> None:
        told = self._notice(row.survey, row.id, row.expires_at, row.language)
        # Begins as all that this decision sent, so that it is taken back with it when the issue comes back.
        self._ground.outbox.put(
            "survey.invited",
            told,
            [via],
            purpose="research",
            person=move.customer,
            event_id=f"msg_{move.decision}_{move.step}_{row.id}",
            not_before=move.due_at,
        )

    def _notice(self, survey: str, id: str, ends_at: datetime, language: str | None) -> dict[str, Any]:
        return {
            "title": f"ask by the survey {survey}",
            "survey": survey,
            "link": self.link(id, ends_at),
            "language": language,
            "expires_at": ends_at.isoformat(timespec="seconds"),
        }

    def _owners(self, rows: Sequence[Invitation]) -> dict[str, str]:
        found = self._ground.graph.customers_of(
            ["anonymous_id"] * len(rows), [ANSWERS_AS + row.id for row in rows]
        )
        return {row.digest: owner for row, owner in zip(rows, found, strict=True) if owner is not None}

    def _demand_destination(self, name: str) -> None:
        if name not in {d["name"] for d in self._ground.outbox.destinations()}:
            raise NotFound("no destination has that name; `allears destinations add` adds one", place="--via")

    def _digests(self, names: Sequence[str]) -> list[str]:
        return self._ground.vault.digest("anonymous_id", names)


def _is_file(to: str) -> bool:
    return "=" not in to or Path(to).is_file()
