"""Questions: what is going on, who is hit, whether trust came back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from allears.act import case as case_desk
from allears.act import issue as issue_desk
from allears.guard.purpose import Purpose
from allears.journey import channels, effects, promises, teaching
from allears.journey import questions as ask
from allears.journey import volumes as counted
from allears.journey.pulse import pulse
from allears.journey.status import counts, status
from allears.space.digest import Digesting

if TYPE_CHECKING:
    import ibis

    from allears.act.happening import Happening
    from allears.foresee.backtest import Backtest

CONTRACT = (
    "acknowledged = fsynced",
    "counted once per signal id",
    "a row refused is kept and can be replayed",
    "a full disk answers 429 with Retry-After and loses nothing",
    "kill -9 at any moment loses no acknowledged signal and doubles none",
)


class Asking(Digesting):
    """Questions: what is going on, who is hit, whether trust came back."""

    @property
    def signals(self) -> ibis.Table:
        """Every signal that may be used for figures, as an Ibis table."""
        return self.ground.asked(self.permit("analytics")).table("signals")

    def counts(self) -> dict[str, Any]:
        """Count what was accepted, stored, refused and waits, by source too."""
        return counts(self.ground, CONTRACT)

    def status(self) -> dict[str, Any]:
        """How the listening stands, sources against their objectives, who answered our surveys, and the delivery contract."""
        return status(self.ground, CONTRACT)

    def health(self) -> list[dict[str, Any]]:
        """Each source: freshness, volume against expectation, duplicates, refused, identifiers, drift, objectives."""
        return channels.health(self.ground)

    def issues(self, state: str | None = None) -> list[dict[str, Any]]:
        """List issues and opportunities, highest score first."""
        return issue_desk.issues(self.ground.desk, state)

    def issue(self, issue: str) -> dict[str, Any]:
        """One issue with its history, typical messages, cases and verdict."""
        return ask.issue(self.ground, issue)

    def cases(self, state: str | None = None) -> list[dict[str, Any]]:
        """List cases, most urgent first."""
        return case_desk.cases(self.ground.desk, self.now(), state=state)

    def trust(self, by: str | None = None, every: str = "week") -> pa.Table:
        """Trust index by group and period: stated, behavioural, composite; with intervals."""
        return effects.trust(self.ground, self.permit("analytics"), by, every)

    def drivers(self) -> pa.Table:
        """Show what goes along with stated trust; association, not cause."""
        return effects.drivers(self.ground, self.permit("analytics"))

    def experience(self, by: str | None = None, every: str = "week") -> pa.Table:
        """NPS, CSAT, CES, stars and sentiment by group and period, with intervals."""
        return effects.experience(self.ground, self.permit("analytics"), by, every)

    def services(self) -> list[dict[str, Any]]:
        """Each service with its objective, budget left, burns and who was hit."""
        return effects.services(self.ground)

    def burning(self) -> list[Happening]:
        """Say which services burn their error budget now."""
        return effects.burning_now(self.ground)

    def verdicts(self) -> pa.Table:
        """Whether each fix brought trust back."""
        return effects.verdicts(self.ground, self.permit("analytics"))

    def promises(self) -> list[dict[str, Any]]:
        """List promises with a deadline that the company made in writing, and what became of them."""
        return promises.promises(self.ground)

    def promises_kept(self, every: str = "week") -> pa.Table:
        """Share of promises kept, by the period they fell due in, with interval and n."""
        return promises.kept(self.ground, self.promises(), every)

    def forecast(self, channel: str | None = None, *, days: int = 7) -> pa.Table:
        """Forecast messages an hour, with a 90 % interval."""
        return counted.forecast(self.ground, self.permit("analytics"), channel, days)

    def volumes(self, by: str = "channel", *, days: int = 28, every: str = "day") -> pa.Table:
        """Signals by group and period."""
        return counted.volumes(self.ground, self.permit("analytics"), by, days, every)

    def surprises(self, limit: int = 200) -> pa.Table:
        """Where counts left what was expected, newest first."""
        return ask.surprises(self.ground, limit)

    def topics(self) -> pa.Table:
        """Topics with their labels, newest volumes and change."""
        return ask.topics(self.ground, self.permit("analytics"))

    def pulse(self) -> dict[str, Any]:
        """Tell what changed, who is hit, what is being done, is trust moving: one screen."""
        return pulse(self.ground, self.permit("analytics"))

    def sql(self, text: str, *, seconds: float = 30.0, purpose: Purpose = "analytics") -> pa.Table:
        """Ask in SQL: read-only, bounded, without sealed originals and without whoever is left out of the purpose."""
        return ask.sql(self.ground, self.permit(purpose), text, seconds)

    def backtest(self, start: datetime | None = None) -> Backtest:
        """Run the past as if live: what would have been raised, and how good the forecasts were."""
        return self.lookout.backtest(start)

    def learn_sentiment(self, labelled: str | Path | None = None) -> dict[str, Any]:
        """Learn sentiment from a CSV of text and label, or from the ratings this space has."""
        return teaching.learn_sentiment(
            self.ground, self.permit("product"), Path(labelled) if labelled is not None else None
        )

    def teach_topics(self, examples: str | Path) -> pa.Table:
        """Learn your own topics from a CSV of text and topic."""
        return teaching.teach_topics(self.ground, Path(examples))

    def discover_topics(self) -> list[dict[str, Any]]:
        """Look for topics nobody named; known ones keep their ids."""
        return teaching.discover_topics(self.ground, self.permit("product"))
