"""Answer for the data: consent, requests by right, second persons, exports, the audit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from allears.errors import NotFound
from allears.guard.access import Principal, Role
from allears.guard.approval import Asked
from allears.guard.audit_check import Verified
from allears.guard.heads import Signed, note, noted
from allears.guard.purpose import Purpose
from allears.journey import access, consent, requests, rules
from allears.journey.access import Handed
from allears.journey.consent import Imported
from allears.journey.leave import export_table
from allears.journey.many import people_in_table, subject_of
from allears.journey.questions import find_each
from allears.journey.said import clean
from allears.journey.whole import WholeActs, verify_acts
from allears.space.ground import Grounded


class Guarding(Grounded):
    """Answer for the data: consent, requests by right, second persons, exports, the audit."""

    def consent(self, who: str) -> dict[str, Any]:
        """Tell what somebody agreed to or refused, for each purpose, and every word behind it."""
        return consent.consents(self.ground, who)

    def note_consent(
        self,
        who: str,
        purpose: str,
        state: str,
        *,
        why: str,
        version: str = "",
        at: datetime | None = None,
        actor: str | None = None,
    ) -> None:
        """Note a yes (``given``) or no (``refused``, ``withdrawn``) to a purpose; it counts at once."""
        consent.say(
            self.ground, who, purpose, state, why=why, actor=actor or self.actor, source="by hand", version=version, at=at,
        )  # fmt: skip

    def import_consent(self, path: str | Path) -> Imported:
        """Take yes and no in from a CSV file; rows that say too little are kept in ``refused``."""
        return consent.take_words(self.ground, Path(path), actor=self.actor)

    def prove_consent(self, who: str, out: Path) -> int:
        """Write what somebody said, word by word, to a signed file; returns how many words."""
        return consent.prove(self.ground, who, out, actor=self.actor)

    def consent_coverage(self) -> list[dict[str, Any]]:
        """Count for each purpose who gave, refused, withdrew or never said anything."""
        return consent.covered(self.ground)

    def request(
        self, who: str, kind: str, *, via: str = "", note: str = "", received_at: datetime | None = None
    ) -> str:
        """Note what somebody asks for by right: access, rectification, erasure, objection, restriction; returns its id."""
        return requests.receive(
            self.ground, who, kind, actor=self.actor, via=via, note=note, received_at=received_at
        )

    def requests(self, *, closed: bool = False) -> list[dict[str, Any]]:
        """List requests by right with their clocks, the next one due first."""
        return requests.requests(self.ground, closed=closed)

    def check_asker(self, request: str, how: str) -> None:
        """Record how it was made sure that the asker is who they say."""
        requests.check_identity(self.ground, request, how, actor=self.actor)

    def extend_request(self, request: str, *, why: str) -> None:
        """Take two more months for a request, once."""
        requests.extend(self.ground, request, why, actor=self.actor)

    def close_request(self, request: str, outcome: str, *, refused: bool = False) -> None:
        """Say what became of a request."""
        requests.close(self.ground, request, outcome, actor=self.actor, refused=refused)

    def access(
        self, request: str, out: Path, *, recipient: str | None = None, principal: Principal | None = None
    ) -> Handed:
        """Write everything held of the asker to a file, signed, and sealed for a public key of age or under a new passphrase."""
        who = principal or Principal(self.actor, Role.PRIVACY)
        return access.hand_over(self.ground, who, request, out, recipient=recipient)

    def ask_export(self, table: str, *, why: str) -> Asked:
        """Ask for a second person who agrees to an export."""
        return self._ask_second("export", table, people_in_table(self.ground, table), why)

    def ask_erasure(self, who: Sequence[str], *, why: str) -> Asked:
        """Ask for a second person who agrees to erase everybody in a list."""
        people = sorted(set(who))
        why = self._clean_of(people, why)
        return self._ask_second("erase", subject_of(self.ground, people), len(people), why)

    def settle_approval(self, approval: str, *, yes: bool) -> Asked:
        """Agree to what somebody else asked for, or refuse it."""
        return self.approvals.settle(Principal(self.actor, Role.PRIVACY), approval, yes=yes)

    def require_second(
        self, what: str, subject: str, people: int, *, alone: str = "", always: bool = False
    ) -> None:
        """Insist that a second person agreed, where so many people are concerned or ``always``; or write down why it is done ``alone``.

        Raises
        ------
        NotAllowed
            Nobody agreed.
        """
        above = self.settings.guard.four_eyes_above
        if above < 0 or (people <= above and not always):
            return
        if alone.strip():
            # Whoever holds the folder holds its key: that they did not wait for anybody is told, not hindered.
            self.ground.audit.record(self.actor, f"{what}.alone", subject, alone, {"people": people})
        else:
            self.approvals.use(self.actor, what, subject, people)

    def require_second_to_erase(self, who: Sequence[str], *, alone: str = "") -> None:
        """Insist that a second person agreed to erase everybody in a list; as `require_second`."""
        people = sorted(set(who))
        alone = self._clean_of(people, alone)
        self.require_second("erase", subject_of(self.ground, people), len(people), alone=alone)

    def _clean_of(self, people: Sequence[str], text: str) -> str:
        # A list names each by customer id or by any identifier.
        found = find_each(self.ground.graph, people) if text.strip() else []
        return clean(self.ground, text, [customer for customer in found if customer is not None])

    def _ask_second(self, what: str, subject: str, people: int, why: str) -> Asked:
        return self.approvals.ask(Principal(self.actor, Role.PRIVACY), what, subject, people, why)

    def export(
        self,
        table: str,
        path: Path,
        form: str,
        *,
        sealed: bool = False,
        to: str | None = None,
        purpose: Purpose = "analytics",
        alone: str = "",
    ) -> tuple[int, str | None]:
        """Export a table, redacted, to a new file, sealed if asked: its rows, and the passphrase it opens with, told once.

        Whoever is left out of the purpose is not in it.

        Raises
        ------
        NotAllowed
            It holds so many people that a second person must agree (`ask_export`); ``alone`` says why nobody did.
        """
        self.require_second("export", table, people_in_table(self.ground, table), alone=alone)
        return export_table(
            self.ground, self.permit(purpose), table, path, form, actor=self.actor, sealed=sealed, to=to
        )

    def require_sight(self, name: str | None) -> None:
        """Insist that ``access.toml`` has a sight of that name, where one is named.

        Raises
        ------
        NotFound
            It has none.
        """
        known = rules.sights(self.ground).sights
        if name is not None and name not in known:
            raise NotFound(
                f"no sight of that name in access.toml; there are {', '.join(known) or 'none'}",
                place="--sight",
            )

    def sign_audit(self) -> Signed | None:
        """Sign the audit's newest head, and note it outside the space where settings say so."""
        head = self.ground.audit.sign()
        outside = self.ground.settings.guard.heads_file
        if head is not None and outside:
            note(head, self.ground.folder / outside)
        return head

    def verify_acts(self) -> WholeActs:
        """Check the list of acts by right: that no line is missing in it, nor at its end as far as the desk knows."""
        return verify_acts(self.ground)

    def verify_audit(self, heads: Path | None = None) -> Verified:
        """Check the whole audit, against the heads that were noted outside too."""
        outside = self.ground.settings.guard.heads_file
        path = heads or (self.ground.folder / outside if outside else None)
        return self.ground.audit.verify(heads=noted(path) if path is not None and path.is_file() else ())
