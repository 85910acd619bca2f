"""A space with something in every table that keeps people by aliases, and the same space as an earlier version left it.

Run as a program it opens a space, and is shot after the first tables were turned: FOLDER.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, bindparam, delete, select, text, type_coerce, update

from allears.clock import SetClock
from allears.desk import Base, Desk
from allears.desk.listening import Mark
from allears.guard import aliases
from allears.listen.answers import Answer
from allears.settings import DeskSettings, Settings, SpaceSettings
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW_TEXT = NOW.isoformat()
PEOPLE = 6


def open_space(folder: Path, url: str | None = None) -> Space:
    """Open a space, or make it, with its desk where it is told."""
    desk = DeskSettings(url=url) if url else DeskSettings()
    made = Settings(space=SpaceSettings(name=folder.name), desk=desk)
    return Space.open(folder, clock=SetClock(NOW), settings=made)


def mail(n: int) -> str:
    return f"p{n}@example.com"


def fill(space: Space, scratch: Path) -> None:
    """Go through every door that writes a table which keeps people by aliases."""
    rows: list[dict[str, Any]] = [
        {
            "signal_id": f"m{n}", "text": f"Where is my parcel number {n}?", "channel": "chat", "thread": f"t{n}", "account": "bolt",
            "occurred_at": (NOW - timedelta(days=2)).isoformat(), "identifiers": {"email": mail(n), "user_id": f"u{n}"},
        }
        for n in range(PEOPLE)
    ]  # fmt: skip
    # Consent that comes with signals.
    rows += [
        {"signal_id": f"c{n}", "kind": "event", "name": "Consent changed", "identifiers": {"email": mail(n)},
         "properties": {"consent": {"marketing": n % 2 == 0, "analytics": True}}, "occurred_at": (NOW - timedelta(days=1)).isoformat()}
        for n in range(PEOPLE)
    ]  # fmt: skip
    space.hear(rows, source="desk")
    space.digest(look=False)
    # By hand, and from a file, which knows a stranger too.
    space.note_consent(mail(1), "marketing", "withdrawn", why="on the phone", at=NOW - timedelta(hours=5))
    words = scratch / "words.csv"
    words.write_text(
        f"email,purpose,state,said_at\n{mail(2)},research,given,{NOW_TEXT}\nstranger@example.com,research,given,{NOW_TEXT}\n"
    )
    assert space.import_consent(words).new == 2
    space.add_destination("mailer", "https://example.com/in")
    people = scratch / "people.csv"
    people.write_text(f"email\n{mail(3)}\nstranger@example.com\n")
    _, links = space.ask("nps", str(people), via="mailer")
    assert len(links) == 2
    for link in links:
        opened = space.answering.open(link["link"].rpartition("/")[2])
        answered = [Answer("recommend", "nps-0-10", 9)]
        space.answering.answer(opened, answered, language="en", by="link").result()
        space.answering.settle(opened)
    space.digest(look=False)
    told, _ = space.ask("ces", "channel=chat,days=30", via="mailer")
    assert told["invited"] > 0 and told["held"] > 0
    space.hold(mail(4), why="court")
    space.release(space.hold(mail(0), why="settled"))
    space.restrict(mail(5), why="disputed")
    space.lift(space.restrict(mail(1), why="disputed"), told="by mail")
    for kind in ("access", "restriction"):
        space.check_asker(space.request(mail(4), kind, via="email"), "by telephone")
    space.hear([{"text": "Forget me", "identifiers": {"email": "gone@example.com"}}], source="desk")
    space.erase("gone@example.com")
    space.relate(mail(0), "bolt", role="buyer")
    space.publish()


def aliased_tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if aliases.aliased(table)]


def as_before(desk: Desk) -> int:
    """Leave a desk as the version before aliases did: digests in their place, no mark, the number before; returns how many rows."""
    rows = 0
    for table in aliased_tables():
        columns, key = aliases.aliased(table), list(table.primary_key.columns)
        with desk.session() as session:
            # What a typed column gives is what that version wrote.
            held = [dict(row) for row in session.execute(select(table)).mappings()]
            plain = {n: type_coerce(bindparam(f"new_{n}"), t.kept) for n, t in columns.items()}
            change = update(table).where(*(k == bindparam(f"key_{k.name}") for k in key)).values(plain)
            for row in held:
                made = {f"new_{n}": row[n] for n in columns} | {f"key_{k.name}": row[k.name] for k in key}
                session.execute(change, made)
            rows += len(held)
    with desk.session() as session:
        session.execute(delete(Mark).where(Mark.name == aliases.MARK))
        session.execute(text("DROP TABLE identity_aparts"))  # of a version after aliases
        session.execute(text("UPDATE alembic_version SET version_num = '0027'"))
    return rows


def main(folder: Path) -> None:
    turn, done = aliases._turn_table, 0

    def shot(*given: Any) -> int:
        nonlocal done
        turned = turn(*given)
        done += turned > 0
        if done == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return turned

    aliases._turn_table = shot
    with open_space(folder):
        print("opened", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
