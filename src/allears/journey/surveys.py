"""The surveys of a space: its own and those that come with Allears, and how many answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from allears.act.invite import invitations
from allears.act.survey import Survey, example_text, examples, explain, read_survey, remarks
from allears.errors import AllearsError, NotFound, Refused
from allears.journey.ground import Ground
from allears.measure.response import STRATA, response_rates


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

    def listed(self) -> list[dict[str, Any]]:
        """List surveys with how many were asked and answered."""
        rates = {row["survey"]: row for row in self.rates()}
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

    def rates(self, name: str | None = None, by: str | None = None) -> list[dict[str, Any]]:
        """Tell response rates with their intervals, as a whole or by stratum."""
        if by is not None and by not in STRATA:
            raise Refused(f"expected one of {', '.join(STRATA)}", place="--by")
        if name is not None:
            self.survey(name)
        return response_rates(invitations(self._ground.desk, name), by=by, at=self._ground.clock.now())

    def sound(self) -> dict[str, Survey]:
        """Give every survey whose file is sound, by name."""
        found = {}
        for name in self.names():
            try:
                found[name] = self.survey(name)
            except AllearsError:
                continue  # `surveys check` names what is wrong; other surveys go on
        return found
