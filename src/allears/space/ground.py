"""What every part of the Python door stands on: the ground, who asks, and what time it is."""

from __future__ import annotations

import os
from datetime import datetime

from allears.guard.approval import Approvals
from allears.guard.factor import Factors
from allears.guard.keys import Keys
from allears.guard.login import Logins
from allears.guard.permit import Permit
from allears.guard.purpose import Purpose
from allears.guard.sessions import Sessions
from allears.journey import Digest, Ground, hooks
from allears.lake import Seen
from allears.settings import Settings


class Grounded:
    """What every part of the Python door stands on: the ground, who asks, and what time it is."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.settings: Settings = ground.settings
        guarded = self.settings.guard
        self.keys = Keys(ground.desk, audit=ground.audit)
        self.logins = Logins(ground.desk, key=ground.vault.sub_key("failed log-ins"))
        self.factors = Factors(ground.desk, ground.vault, required=guarded.second_factor)
        self.sessions = Sessions(
            ground.desk, idle_minutes=guarded.session_idle_minutes, hours=guarded.session_hours
        )
        self.approvals = Approvals(ground.desk, ground.audit, ground.clock, hours=guarded.four_eyes_hours)
        self._digest: Digest | None = None
        self._door_seen: Seen | None = None
        self.sources: dict[str, str] = {}
        self.actor = f"local:{os.getuid()}"

    def close(self) -> None:
        """Let go of everything; what was accepted is on disk already."""
        if self._digest is not None:
            self._digest.close()
        self.keys.close()
        self.sessions.close()
        hooks.flush_rejected(self.ground, always=True)
        self.ground.close()

    @property
    def name(self) -> str:
        """The company's short name."""
        return self.settings.space.name

    def permit(self, purpose: Purpose) -> Permit:
        """Let data be used for a purpose; whoever is left out of it is in none of the answers.

        Raises
        ------
        NotAllowed
            The purpose is switched off.
        """
        return self.ground.gate.permit(purpose)

    def now(self) -> datetime:
        """Tell what time it is for this space."""
        return self.ground.clock.now()
