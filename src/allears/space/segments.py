"""Segments of customers: list, count, switch on; and the moments when somebody enters or leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from allears.journey import segments
from allears.know.segment import explain
from allears.space.act import Acting


class Segmenting(Acting):
    """Segments of customers: list, count, switch on; and the moments when somebody enters or leaves."""

    def segments(self) -> list[dict[str, Any]]:
        """List segments with their counts as of the last time they were counted: the space's own, and those that ship."""
        return segments.listed(self.ground)

    def segment(self, name: str) -> dict[str, Any]:
        """One segment: its conditions in words, counts, the last 30 days, and who entered and left lately."""
        return segments.shown(self.ground, name)

    def explain_segment(self, name: str) -> str:
        """Say in words who belongs to a segment."""
        return explain(segments.find(self.ground, name))

    def segment_members(self, name: str) -> list[str]:
        """List who was in a segment when it was last counted."""
        return segments.member_ids(self.ground, name)

    def count_segments(self) -> dict[str, dict[str, int]]:
        """Count every segment anew, as far as its purpose allows; returns how many entered and left each."""
        return {name: turned._asdict() for name, turned in segments.refresh(self.ground).items()}

    def follow_segments(self) -> int:
        """Count every segment anew, and let the playbooks run that wait for somebody to enter or leave; returns how many moves are new."""
        segments.refresh(self.ground)
        moments = segments.untold(self.ground)
        done = self.react(self.now(), given=moments) if moments else 0
        segments.told(self.ground, moments)
        return done

    def segment_on(self, name: str) -> Path:
        """Copy a segment that ships into the space, where it is counted and may be edited."""
        return segments.switch_on(self.ground, name)

    def segment_off(self, name: str) -> None:
        """Take a segment out of the space."""
        segments.switch_off(self.ground, name)
