"""The surveys of a space: its own and those that come with Allears, and how many answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from allears.act.invite import invitations, left_in_peace
from allears.act.moves import decisions
from allears.act.survey import Survey, example_text, examples, explain, read_survey, remarks
from allears.errors import AllearsError, NotFound, Refused
from allears.guard.permit import Permit
from allears.journey.cutoff import day_of
from allears.journey.ground import Ground
from allears.measure.response import STRATA, response_rates
from allears.measure.scores import scores

SOURCE = "ask"
"""Answers to our own surveys come in under this name."""
STANDING_DAYS = 180


class Surveys:
    """The surveys of one space; a file that changed is read anew."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._read: dict[str, tuple[float, Survey]] = {}

    @property
    def folder(self) -> Path:
        """Where the space's own surveys are."""
        return self._ground.folder / "surveys"

    def names(self) -> list[str]:
        """List surveys: the space's own, and those that come with Allears."""
        return sorted({*examples(), *(p.stem for p in self.folder.glob("*.toml"))})

    def survey(self, name: str) -> Survey:
        """Find a survey: the space's own before the one that comes with Allears.

        Raises
        ------
        NotFound
            There is none of that name.
        Refused
            Its file is wrong.
        """
        path = self.folder / f"{name}.toml"
        if path.parent != self.folder or name not in self.names():
            raise NotFound(f"no survey of that name; there are {', '.join(self.names())}", place="survey")
        changed = path.stat().st_mtime if path.is_file() else 0.0
        kept = self._read.get(name)
        if kept is None or kept[0] != changed:
            survey = read_survey(self.text(name), f"surveys/{name}.toml")
            if survey.name != name:
                raise Refused("name and file name differ", place=f"surveys/{name}.toml: name")
            kept = self._read[name] = (changed, survey)
        return kept[1]

    def text(self, name: str) -> str:
        """Give the TOML of a survey."""
        path = self.folder / f"{name}.toml"
        if path.parent == self.folder and path.is_file():
            return path.read_text("utf-8")
        return example_text(name)

    def explain(self, name: str) -> str:
        """Say in words what a survey asks."""
        return explain(self.survey(name), self._ground.settings.space.name)

    def standing(self, permit: Permit, by: str) -> dict[str, Any]:
        """Tell what the staff's page shows, of the last 180 days.

        Returns
        -------
        dict
            ``surveys`` as `listed` gives them, ``all`` (one rate over every survey), ``groups`` (rates by stratum), ``scores``
            by question, ``left`` (who was left in peace and why), ``proposed`` (decisions of playbooks that wait for a yes),
            ``since`` and ``cutoff``.
        """
        ground, at = self._ground, self._ground.clock.now()
        since = at - timedelta(days=STANDING_DAYS)
        asked = invitations(ground.desk, since=since)
        every = response_rates([("all", *one[1:]) for one in asked], by=None, at=at)
        waiting = decisions(ground.desk, state="proposed")
        return {
            "surveys": self.listed(since),
            "all": every[0] if every else None,
            "by": by,
            "groups": response_rates(asked, by=by, at=at),
            "scores": self.scores(permit, since),
            "left": left_in_peace(ground.desk, since),
            "proposed": [one for one in waiting if one["action"] == "survey"],
            "since": since,
            "cutoff": at,
        }

    def scores(self, permit: Permit, since: datetime) -> list[dict[str, Any]]:
        """Tell what answers since then came to, question by question."""
        rows = self._ground.asked(permit).query(
            """SELECT name, rating_scale, rating, count(*) AS n FROM signals
               WHERE day >= $day AND occurred_at >= $since AND source = $source AND name IS NOT NULL
                 AND rating IS NOT NULL AND rating_scale IS NOT NULL GROUP BY ALL""",
            day=day_of(since),
            since=since,
            source=SOURCE,
        )
        answers = zip(*(rows[c].to_pylist() for c in ("name", "rating_scale", "rating", "n")), strict=True)
        return scores(answers, at=self._ground.clock.now())

    def listed(self, since: datetime | None = None) -> list[dict[str, Any]]:
        """List surveys with how many were asked and answered, of all time or since a moment."""
        rates = {row["survey"]: row for row in self.rates(since=since)}
        rows = []
        for name in self.names():
            told = rates.get(name, {"invited": 0, "answered": 0, "open": 0, "held": 0})
            own = (self.folder / f"{name}.toml").is_file()
            row = {"survey": name, "own": own, "wrong": ""}
            try:
                survey = self.survey(name)
                row |= {
                    "questions": len(survey.questions),
                    "languages": survey.languages(),
                    "public": survey.public,
                }
            except Refused as error:
                row["wrong"] = str(error)
            row |= {
                k: told.get(k)
                for k in ("invited", "answered", "open", "held", "estimate", "low", "high", "n")
            }
            rows.append(row)
        return rows

    def check(self, name: str | None = None) -> list[dict[str, Any]]:
        """Check surveys: what is wrong, and what should be known."""
        found = []
        for one in [name] if name is not None else self.names():
            try:
                survey = self.survey(one)
                found.append({"survey": one, "ok": True, "says": remarks(survey)})
            except (Refused, NotFound) as error:
                found.append({"survey": one, "ok": False, "says": [str(error)]})
        return found

    def rates(
        self, name: str | None = None, by: str | None = None, since: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Tell response rates with their intervals, as a whole or by stratum."""
        if by is not None and by not in STRATA:
            raise Refused(f"expected one of {', '.join(STRATA)}", place="--by")
        if name is not None:
            self.survey(name)
        return response_rates(invitations(self._ground.desk, name, since), by=by, at=self._ground.clock.now())

    def sound(self) -> dict[str, Survey]:
        """Give every survey whose file is sound, by name."""
        found = {}
        for name in self.names():
            try:
                found[name] = self.survey(name)
            except AllearsError:
                continue  # `surveys check` names what is wrong; other surveys go on
        return found
