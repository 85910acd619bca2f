"""The Python door: a space is one company's folder, and everything that can be asked of it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from allears.act import case as case_desk
from allears.act import issue as issue_desk
from allears.act import moves as move_desk
from allears.act.deliver import Outbox, new_secret
from allears.act.playbook import explain as explain_playbook
from allears.clock import Clock
from allears.errors import NotReady, Refused
from allears.guard.access import Principal, Role
from allears.guard.approval import Approvals, Asked
from allears.guard.audit import Verified
from allears.guard.erase import Receipt as ErasureReceipt
from allears.guard.erasures import Scope
from allears.guard.factor import Factors
from allears.guard.heads import Signed, note, noted
from allears.guard.keys import Keys
from allears.guard.login import Logins
from allears.guard.permit import Permit
from allears.guard.purpose import Purpose
from allears.guard.receipt import give
from allears.guard.sessions import Sessions
from allears.journey import (
    Digest,
    Digested,
    Ground,
    Lookout,
    Receipt,
    access,
    amend,
    channels,
    consent,
    daily,
    effects,
    holds,
    hooks,
    lay,
    playbooks,
    probable,
    promises,
    pulling,
    queued,
    refused,
    requests,
    retention,
    rules,
    seen,
    stewards,
    take,
    take_file,
    teaching,
)
from allears.journey import questions as ask
from allears.journey import volumes as counted
from allears.journey.access import Handed
from allears.journey.alone import known_hashes
from allears.journey.answering import Answering
from allears.journey.consent import Imported
from allears.journey.erasure import Progress, await_digest, erase_customer, erase_customers, finish, pending
from allears.journey.inviting import Inviting
from allears.journey.leave import export_table
from allears.journey.many import people_in_table, subject_of
from allears.journey.person import Person
from allears.journey.pulse import pulse
from allears.journey.refused import Replayed, Wanted
from allears.journey.retention import Retired
from allears.journey.status import counts, status
from allears.journey.surveys import Surveys
from allears.lake import Seen
from allears.settings import PullSettings, Settings

if TYPE_CHECKING:
    import ibis

    from allears.act.happening import Happening
    from allears.act.issue import Change
    from allears.foresee.backtest import Backtest
    from allears.listen.mapping import Mapping as Columns
    from allears.listen.plans import Plan


class ErasedMany(NamedTuple):
    """What erasing many did: numbers of the receipts, how many were unknown or gone before, and who is under a hold."""

    receipts: list[int]
    unknown: int
    held: list[str]


CONTRACT = (
    "acknowledged = fsynced",
    "counted once per signal id",
    "a row refused is kept and can be replayed",
    "a full disk answers 429 with Retry-After and loses nothing",
    "kill -9 at any moment loses no acknowledged signal and doubles none",
)


class Space:
    """One company's folder. Use `open`; close it, or use it as a context manager.

    Examples
    --------
    >>> import tempfile
    >>> with Space.open(Path(tempfile.mkdtemp()) / "acme") as space:
    ...     receipt = space.hear([{"text": "My parcel never came", "identifiers": {"user_id": "u1"}}], source="mail")
    ...     done = space.digest()
    ...     space.signals.count().to_pyarrow().as_py()
    1
    """

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

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        create: bool = True,
        clock: Clock | None = None,
        settings: Settings | None = None,
        environment: Mapping[str, str] | None = None,
        key: str = "file",
    ) -> Space:
        """Open a space; it is created when new, unless ``create`` is false. ``environment`` holds the password of a desk on PostgreSQL (default: the process's); ``key`` says where a new space's key comes from.

        Erasures that were cut off are finished first.
        """
        given = os.environ if environment is None else environment
        space = cls(
            lay(Path(folder), clock=clock, create=create, settings=settings, environment=given, key=key)
        )
        try:
            space._finish_erasures()
        except BaseException:
            space.close()
            raise
        return space

    def _finish_erasures(self) -> None:
        if not pending(self.ground):
            return
        mine = self._digest is None and self.may_digest()
        try:
            if mine:
                self.digest(look=False)
            else:
                await_digest(self.ground)
            finish(self.ground)
            if mine:
                self.tidy(now=True)
        finally:
            if mine and self._digest is not None:
                self._digest.close()
                self._digest = None

    def close(self) -> None:
        """Let go of everything; what was accepted is on disk already."""
        if self._digest is not None:
            self._digest.close()
        self.keys.close()
        self.sessions.close()
        hooks.flush_rejected(self.ground, always=True)
        self.ground.close()

    def __enter__(self) -> Space:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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

    # -- listen ----------------------------------------------------------------------------------------------------

    def listen(
        self,
        path: str | Path,
        *,
        source: str,
        channel: str | None = None,
        network: str | None = None,
        mapping: Columns | None = None,
        sure: Callable[[Plan], bool] = lambda plan: True,
        progress: Callable[[Path, int, int], None] = lambda path, rows, read: None,
    ) -> Receipt:
        """Take a file or folder in; ``network`` says whose handles they are. Durable when this returns."""
        if self._door_seen is None:
            self._door_seen = Seen(known_hashes(self.ground, pending=True))
        return take_file(
            self.ground,
            Path(path),
            source=source,
            channel=channel,
            network=network,
            mapping=mapping,
            seen=self._door_seen,
            sure=sure,
            progress=progress,
        )

    def take(self, door: str, body: bytes, *, source: str, channel: str | None = None) -> Receipt:
        """Take one payload in, as an HTTP door would. Durable when this returns."""
        receipt, done = take(self.ground, door, body, source=source, channel=channel)
        done.result()
        return receipt

    def hear(self, rows: Sequence[Mapping[str, Any]], *, source: str, channel: str | None = None) -> Receipt:
        """Take a few signals given as dictionaries (the shape of ``POST /signals``)."""
        import msgspec

        return self.take("signals", msgspec.json.encode(list(rows)), source=source, channel=channel)

    def pull(
        self,
        name: str,
        *,
        environment: Mapping[str, str] | None = None,
        given: PullSettings | None = None,
        follow: bool = False,
        stop: threading.Event | None = None,
        progress: Callable[[Receipt], None] = lambda receipt: None,
    ) -> Receipt:
        """Pull what is new from a place named in ``allears.toml``, or as ``given``; ``environment`` holds its secret (default: the process's)."""
        return pulling.pull(
            self.ground,
            name,
            os.environ if environment is None else environment,
            given=given,
            follow=follow,
            stop=stop,
            progress=progress,
        )

    def look(
        self,
        name: str,
        *,
        environment: Mapping[str, str] | None = None,
        given: PullSettings | None = None,
    ) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """Show the first rows that a pull would bring and what it would refuse; nothing is kept."""
        environment = os.environ if environment is None else environment
        return pulling.look(self.ground, name, environment, given=given)

    def pulls(self) -> list[dict[str, Any]]:
        """List the places that are pulled from, and how each stands."""
        return pulling.listed(self.ground)

    def refused(
        self, limit: int = 1000, *, source: str | None = None, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """List what was not accepted, newest first: of one source, of one kind of reason, or all."""
        return refused.page(self.ground, Wanted(source, reason), limit=limit)[0]

    def refused_groups(self, source: str | None = None, reason: str | None = None) -> list[dict[str, Any]]:
        """Count what was not accepted by source and reason, most first."""
        return refused.groups(self.ground, Wanted(source, reason))

    def refused_row(self, row: str) -> dict[str, Any]:
        """Tell of one refused row: where, why, by which door; the row itself stays sealed."""
        return refused.row(self.ground, row)

    def open_refused(self, row: str, *, why: str, principal: Principal | None = None) -> dict[str, Any]:
        """Show one refused row as it came, for somebody who may look; the look and its reason are in the audit."""
        # Whoever holds the folder holds its key: without a principal that is who looks, and the audit says so.
        return refused.reveal(self.ground, principal or Principal(self.actor, Role.PRIVACY), row, why)

    def replay(
        self,
        source: str | None = None,
        *,
        reason: str | None = None,
        row: str | None = None,
        actor: str | None = None,
    ) -> Replayed:
        """Try refused rows again with today's mappings: one, those of a source or a kind of reason, or all."""
        return refused.replay(self.ground, Wanted(source, reason, row), actor=actor or self.actor)

    def add_channel(
        self, source: str, vendor: str, secret: str | None = None, *, url: str | None = None
    ) -> dict[str, Any]:
        """Let a vendor's webhooks in at ``/hooks/SOURCE``; a secret that is made here is told once."""
        made = hooks.add_hook(self.ground, source, vendor, secret, url)
        self.ground.audit.record(self.actor, "channel.add", source, why=vendor)
        return made

    def channels(self) -> list[dict[str, Any]]:
        """List the sources that vendors post to, and how many requests were turned away."""
        return hooks.list_hooks(self.ground)

    def remove_channel(self, source: str) -> None:
        """Let nobody post to a source any more; what came stays."""
        hooks.remove_hook(self.ground, source)
        self.ground.audit.record(self.actor, "channel.remove", source)

    # -- digest ----------------------------------------------------------------------------------------------------

    @property
    def digester(self) -> Digest:
        """The one that takes the inbox over into the lake; with a desk on SQLite it holds the space's digest lock from first use."""
        if self._digest is None:
            self._digest = Digest(self.ground)
        return self._digest

    @cached_property
    def lookout(self) -> Lookout:
        """The one that watches what was digested."""
        return Lookout(self.ground)

    def leads(self) -> bool:
        """Whether this process is the one of those that digest which also watches, publishes and tidies."""
        return self.digester.claims.leads()

    def tell(self, part: Digested | None) -> datetime | None:
        """Let the watch hear what was stored, here and by other workers; returns when the oldest of it arrived."""
        if self.ground.desk.shared:
            return self.lookout.hear(self.digester.claims.news()) if self.leads() else None
        if part is None:
            return None
        self.lookout.revise(part.amended)
        return None if part.signals is None else self.lookout.feed(part.signals)

    def may_digest(self) -> bool:
        """Whether this process may digest: with a desk on SQLite no other one does."""
        try:
            return self.digester is not None
        except NotReady:
            return False

    def digest(self, *, look: bool = True, upto: datetime | None = None) -> dict[str, int]:
        """Take over what waits, then look for issues up to now."""
        done = {"stored": 0, "duplicates": 0, "refused": 0, "issues": 0, "cases": 0}
        for part in self.digester.run():
            done["stored"] += part.stored
            done["duplicates"] += part.duplicates
            done["refused"] += part.refused
            if not self.ground.desk.shared:
                self.tell(part)
        if look and self.leads():
            self.tell(None)
            seen = self.lookout.look(upto)
            done["issues"], done["cases"] = len(seen.changes), len(seen.cases)
            self.publish()
        return done

    def tidy(self, *, now: bool = False) -> dict[str, int]:
        """Join small files of the lake and remove those no longer needed: with ``now`` those of the last hour too."""
        return amend.tidy(self.ground, now=now)

    def publish(self) -> None:
        """Publish who is who to the lake, for joins."""
        ask.publish(self.ground)

    def react(self, since: datetime, changes: Sequence[Change] = (), given: Sequence[Happening] = ()) -> int:
        """Run the playbooks that are on: over what arrived since, issues that changed, burns; returns how many moves are new."""
        permit = self.permit("service")
        done = playbooks.run(self.ground, permit, since=since, at=self.now(), changes=changes, given=given)
        self._invite_approved()
        return done

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

    def burning(self) -> list[Happening]:
        """Say which services burn their error budget now."""
        return effects.burning_now(self.ground)

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

    def daily(self) -> Iterator[str]:
        """Do what is due once a day, step by step: let go of what is old, look for new topics, judge fixes."""
        return daily.steps(self.ground)

    def daily_due(self) -> bool:
        """Whether the day's work has not been done in the last 24 hours."""
        return daily.due(self.ground)

    async def deliver(self, stop: asyncio.Event) -> None:
        """Send what is due until told to stop."""
        await self.outbox.worker(stop)

    # -- questions -------------------------------------------------------------------------------------------------

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
        seen.share(self.ground, issue, partner, title=title, actor=self.actor)

    def unshare(self, issue: str, partner: str) -> None:
        """Let a partner's people see an issue no longer."""
        seen.unshare(self.ground, issue, partner, actor=self.actor)

    def cases(self, state: str | None = None) -> list[dict[str, Any]]:
        """List cases, most urgent first."""
        return case_desk.cases(self.ground.desk, self.now(), state=state)

    def move_case(self, case: str, state: str, *, note: str = "") -> None:
        """Move a case on: acknowledged, fixed, closed, open again."""
        case_desk.move_case(self.ground.desk, case, state, self.actor, self.now(), note)

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

    def verdicts(self) -> pa.Table:
        """Whether each fix brought trust back."""
        return effects.verdicts(self.ground, self.permit("analytics"))

    def promises(self) -> list[dict[str, Any]]:
        """List promises with a deadline that the company made in writing, and what became of them."""
        return promises.promises(self.ground)

    def promises_kept(self, every: str = "week") -> pa.Table:
        """Share of promises kept, by the period they fell due in, with interval and n."""
        return promises.kept(self.ground, self.promises(), every)

    def follow_promises_up(self) -> int:
        """Open a case for each promise that broke within the last week; returns how many are new."""
        return promises.follow_up(self.ground)

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

    def customers(self, *, search: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """List customers by last contact, or find one by any identifier."""
        return ask.customers(self.ground, search, limit)

    def customer(self, who: str) -> Person:
        """One customer, by id or any identifier.

        Raises
        ------
        NotFound
            Nobody is known by it.
        """
        return Person(self.ground, who)

    def pulse(self) -> dict[str, Any]:
        """Tell what changed, who is hit, what is being done, is trust moving: one screen."""
        return pulse(self.ground, self.permit("analytics"))

    def sql(self, text: str, *, seconds: float = 30.0, purpose: Purpose = "analytics") -> pa.Table:
        """Ask in SQL: read-only, bounded, without sealed originals and without whoever is left out of the purpose."""
        return ask.sql(self.ground, self.permit(purpose), text, seconds)

    def backtest(self, start: datetime | None = None) -> Backtest:
        """Run the past as if live: what would have been raised, and how good the forecasts were."""
        return self.lookout.backtest(start)

    # -- who is who ------------------------------------------------------------------------------------------------

    def merge(self, left: str, right: str, *, why: str, actor: str | None = None) -> dict[str, Any]:
        """Make two customers one, each given by id or any identifier; `unmerge` takes it back exactly."""
        return stewards.merge(self.ground, left, right, why=why, actor=actor or self.actor)

    def part(self, left: str, right: str, *, why: str, actor: str | None = None) -> dict[str, Any]:
        """Part two identifiers that were seen together by mistake; `unmerge` takes it back exactly."""
        return stewards.part(self.ground, left, right, why=why, actor=actor or self.actor)

    def unmerge(self, act: str, *, actor: str | None = None) -> dict[str, Any]:
        """Take a merge or a parting back: customers are as if it had never been done."""
        return stewards.unmerge(self.ground, act, actor=actor or self.actor)

    def merges(self, customer: str | None = None) -> list[dict[str, Any]]:
        """List merges and partings made by hand, newest first."""
        return stewards.acts(self.ground, customer)

    def link(self, *, relearn: bool = False) -> dict[str, Any]:
        """Look for customers that are probably one, by what they told; the sure ones are joined, others wait in `link_queue`."""
        return probable.look_for_links(self.ground, relearn=relearn)

    def link_queue(self, state: str = "waiting", limit: int = 100) -> list[dict[str, Any]]:
        """List pairs of customers that wait to be decided, or were: surest first, each with what every field adds."""
        return queued.listed(self.ground, state, limit)

    def link_pair(self, pair: int) -> dict[str, Any]:
        """Show one pair of the queue: what each field adds, who they are, and what joining them would do."""
        return queued.shown(self.ground, pair)

    def link_told(self, pair: int, principal: Principal, why: str) -> dict[str, list[str | None]]:
        """Open what both customers of a pair told, side by side, for somebody who may look; the look is in the audit."""
        return queued.told(self.ground, pair, principal, why)

    def settle_link(self, pair: int, *, same: bool, why: str, actor: str | None = None) -> dict[str, Any]:
        """Say that a pair is one person, or that it is not; a pair joined by mistake parts again, and stays apart."""
        return queued.settle(self.ground, pair, same=same, why=why, actor=actor or self.actor)

    # -- teach -----------------------------------------------------------------------------------------------------

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

    # -- act -------------------------------------------------------------------------------------------------------

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

    # -- guard -----------------------------------------------------------------------------------------------------

    def erase(
        self, who: str, *, why: str = "request of the person", scope: Scope | None = None
    ) -> ErasureReceipt:
        """Erase a customer, or what a scope says of one, and give a receipt: keys, words, look-ups."""
        self._heard()
        receipt = erase_customer(self.ground, self.customer(who).id, actor=self.actor, why=why, scope=scope)
        self._tidied()
        return receipt

    def erase_all(
        self,
        who: Iterable[str],
        *,
        why: str = "request of the person",
        scope: Scope | None = None,
        progress: Progress = lambda n: None,
    ) -> ErasedMany:
        """Erase many, each given by id or any identifier; cut off at any moment, it is simply run again.

        Who is unknown, or was erased before, and who is under a legal hold, is told.
        """
        self._heard()
        given = list(dict.fromkeys(who))
        found = ask.find_each(self.ground.graph, given)
        customers = [c for c in found if c is not None]
        done = erase_customers(
            self.ground, customers, actor=self.actor, why=why, scope=scope, progress=progress
        )
        self._tidied()
        return ErasedMany(done.receipts, len(given) - len(customers), done.held)

    def _heard(self) -> None:
        # What waits was heard before: digested later, it would be there again.
        if self.may_digest():
            self.digest(look=False)

    def _tidied(self) -> None:
        # Files that held what was emptied go at once where nobody else reads them, else an hour later.
        if self.may_digest():
            self.tidy(now=True)

    def receipts(self, numbers: Sequence[int]) -> list[ErasureReceipt]:
        """Give receipts of erasures, proven against the audit as it is now."""
        return give(self.ground.desk, self.ground.audit, numbers, ErasureReceipt)

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

    def due(self) -> list[dict[str, Any]]:
        """Say what retention would remove now, by class, source and month; nothing is changed."""
        return retention.due(self.ground)

    def retire(self) -> Retired:
        """Remove what ``retention.toml`` says is due, and give a receipt.

        Files that held it go at once where nobody else digests this space, else an hour later.
        """
        return retention.retire(
            self.ground, actor=self.actor, now=not self.ground.desk.shared and self.may_digest()
        )

    def hold(self, who: str, *, why: str) -> str:
        """Put a customer under legal hold: nothing of theirs is erased or retired until `release`; returns the hold's id."""
        return holds.put_hold(self.ground, self.customer(who).id, why=why, actor=self.actor)

    def release(self, hold: str) -> None:
        """End a legal hold."""
        holds.end_hold(self.ground, hold, actor=self.actor)

    def holds(self, *, ended: bool = False) -> list[dict[str, Any]]:
        """List legal holds that last, and ended ones if asked."""
        return holds.holds(self.ground, ended=ended)

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

    def sign_audit(self) -> Signed | None:
        """Sign the audit's newest head, and note it outside the space where settings say so."""
        head = self.ground.audit.sign()
        outside = self.ground.settings.guard.heads_file
        if head is not None and outside:
            note(head, self.ground.folder / outside)
        return head

    def verify_audit(self, heads: Path | None = None) -> Verified:
        """Check the whole audit, against the heads that were noted outside too."""
        outside = self.ground.settings.guard.heads_file
        path = heads or (self.ground.folder / outside if outside else None)
        return self.ground.audit.verify(heads=noted(path) if path is not None and path.is_file() else ())

    def ask_export(self, table: str, *, why: str) -> Asked:
        """Ask for a second person who agrees to an export."""
        return self._ask_second("export", table, people_in_table(self.ground, table), why)

    def ask_erasure(self, who: Sequence[str], *, why: str) -> Asked:
        """Ask for a second person who agrees to erase everybody in a list."""
        people = sorted(set(who))
        return self._ask_second("erase", subject_of(self.ground, people), len(people), why)

    def settle_approval(self, approval: str, *, yes: bool) -> Asked:
        """Agree to what somebody else asked for, or refuse it."""
        return self.approvals.settle(Principal(self.actor, Role.PRIVACY), approval, yes=yes)

    def require_second(self, what: str, subject: str, people: int, *, alone: str = "") -> None:
        """Insist that a second person agreed, where so many people are concerned; or write down why it is done ``alone``.

        Raises
        ------
        NotAllowed
            Nobody agreed.
        """
        above = self.settings.guard.four_eyes_above
        if above < 0 or people <= above:
            return
        if alone.strip():
            # Whoever holds the folder holds its key: that they did not wait for anybody is told, not hindered.
            self.ground.audit.record(self.actor, f"{what}.alone", subject, alone, {"people": people})
        else:
            self.approvals.use(self.actor, what, subject, people)

    def require_second_to_erase(self, who: Sequence[str], *, alone: str = "") -> None:
        """Insist that a second person agreed to erase everybody in a list; as `require_second`."""
        people = sorted(set(who))
        self.require_second("erase", subject_of(self.ground, people), len(people), alone=alone)

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
