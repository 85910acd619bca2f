"""What staff write about somebody: cleaned of what is known of that very person, besides what patterns find."""

from __future__ import annotations

from collections.abc import Sequence

from allears.guard.redaction.redact import redact
from allears.journey.ground import Ground
from allears.know.profile import Profiles

_MANY = 50
"""Nobody names more people in one reason."""


def clean(ground: Ground, text: str, customers: Sequence[str]) -> str:
    """Redact a reason or a note; names, addresses and numbers of the customers it is about go, in any spelling."""
    profiles = Profiles(ground.desk, ground.vault.seal, ground.vault.open)
    known = [
        (kind, value)
        for customer in customers[:_MANY]
        for kind, values in profiles.of(customer).items()
        for value in values
    ]
    return redact([text.strip()], [known]).texts[0] or ""
