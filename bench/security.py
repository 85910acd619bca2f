"""Attack a space of its own: hostile input through every door, question, file and statement, then every page looked at.

Printed are cases tried and failures, by family. A failure is an answer of 500, a trace of our code in an answer or in
the server's log, an answer after more than ten seconds, a server that is gone, a file outside the space, a call to the
trap, or, on a page, a script that ran or markup that came in as markup. Nothing here is timed as a figure.

Then every operation of the API is asked about something that is there, so that it succeeds where it may, and its whole
description is drawn from as each role, state machines of consent, erasure and roles are driven, and one
tenant of a database tries everything on another. What can be counted is tried to its end; ``ALLEARS_BENCH_SECONDS`` (60)
bounds what is drawn: cases after the first round of the API, and each state machine. What was not reached is printed.
"""

from __future__ import annotations

import csv
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
from tests.web.succeeding import Asked, fill
from tests.web.world import make_space

from allears.errors import AllearsError
from allears.guard.access import Role
from allears.guard.address import check_url, resolve
from allears.space import Space
from bench import attack, described, hostile, machines, postgres, shown, tenants
from bench.attack import OWN, SECONDS, Failures, Trap, Tried
from bench.report import Row, row

MEMORY = 3 << 30


def rows() -> list[Row]:
    seconds = float(os.environ.get("ALLEARS_BENCH_SECONDS", "60"))
    trap = Trap()
    found: list[Tried] = []
    with tempfile.TemporaryDirectory(prefix="allears-attack-") as name:
        outside = Path(name)
        folder = outside / "town" / "space"
        keys, asked = _prepare(folder)
        before = _outside(outside, folder)
        texts = [text.replace("{trap}", trap.address) for text in _texts()]
        with attack.serving(folder, outside / "town" / "log") as url:
            # First: nobody digests here, and erasing waits until whatever was heard before is.
            found.append(described.successes(url, keys, asked))
            found.append(attack.doors(url, keys, texts))
            found.append(attack.bodies(url, keys))
            found.append(attack.questions(url, keys, texts))
            found.append(attack.headers(url, texts))
            found.append(described.roles(url, keys, asked, seconds))
        log = (outside / "town" / "log").read_text("utf-8", "replace")
        found.append(Tried("the server's log", 1, Failures(["a trace in the log"] if OWN[0] in log else [])))
        with Space.open(folder, create=False) as space:
            found.append(_addresses(space))
            found.append(_statements(space, trap))
            found.append(_files(space, outside / "town"))
            space.digest(look=False)
            found.append(_exports(space, outside / "town"))
            places = shown.fill(space, texts)
        with attack.serving(folder, outside / "town" / "log") as url:
            found.append(shown.look(url, places, trap.address))
        (outside / "town" / "log").unlink()
        left = _outside(outside, folder) - before
        found.append(Tried("files outside the space", 1, Failures(sorted(left))))
        found.append(_tenants(outside / "tenants"))
    found += machines.drive(seconds)
    found.append(Tried("calls to the trap", 1, Failures(["somebody called"] * trap.calls)))
    trap.close()
    return [*(_told(one) for one in found), *_whole(found)]


def _tenants(folder: Path) -> Tried:
    folder.mkdir()
    with postgres.cluster() as where:
        if where is None:
            why = "it is not installed, or this is not root"
            return Tried("two tenants in one PostgreSQL", 0, Failures(), (why,))
        return tenants.cross(f"postgresql+pg8000://postgres@{where[0]}:{where[1]}/postgres", folder)


def _told(tried: Tried) -> Row:
    for failure, times in Counter(tried.failures).most_common(20):
        print(f"{tried.family}: {failure} ({times} times)", file=sys.stderr)
    where = "; ".join(tried.failures[:3] or (f"not reached: {one}" for one in tried.left[:3]))
    return row("hostile input", f"{tried.family}: {tried.cases:,} cases", len(tried.failures), "failures", reference=0, source=where)  # fmt: skip


def _whole(found: list[Tried]) -> list[Row]:
    cases, left = sum(one.cases for one in found), [(one.family, name) for one in found for name in one.left]
    for family, name in left:
        print(f"not reached, {family}: {name}", file=sys.stderr)
    failures = sum(len(one.failures) for one in found)
    return [
        row("hostile input", f"everything: {cases:,} cases", failures, "failures", reference=0),
        row("hostile input", "not reached", len(left), "parts", reference=0, source="; ".join(name for _, name in left[:5])),
    ]  # fmt: skip


def _texts() -> list[str]:
    return [*hostile.scripts(), *hostile.injections(), *hostile.paths(), *hostile.letters(), *hostile.sizes()]


def _prepare(folder: Path) -> tuple[dict[str, str], dict[str, Asked]]:
    """Make a space with something in it for every operation of the API; gives a key for each role and what to ask."""
    folder.parent.mkdir(parents=True)
    make_space(folder)
    with Space.open(folder) as space:
        space.add_channel("helpdesk", "zendesk", "a secret of the bench")
        asked = fill(space)
        return {str(role): space.keys.make(role, role, partner="Postwing" if role is Role.PARTNER else None)[0] for role in Role}, asked  # fmt: skip


def _addresses(space: Space) -> Tried:
    failures = Failures()
    for number, url in enumerate(hostile.addresses()):
        try:
            check_url(url, allow_private=False)
            parts = httpx.URL(url)
            resolve(parts.host, parts.port or 443, allow_private=False)
            failures.append(f"address {number} may be called")
        except (AllearsError, httpx.InvalidURL):
            pass
        except Exception as error:
            failures.append(f"address {number}: {type(error).__name__}")
        try:
            space.add_destination(f"d{number}", url)
        except AllearsError:
            pass
        except Exception as error:
            failures.append(f"destination {number}: {type(error).__name__}")
    return Tried("addresses of deliveries", 2 * len(hostile.addresses()), failures)


def _statements(space: Space, trap: Trap) -> Tried:
    failures, statements = Failures(), hostile.statements()
    held = space.counts()
    for number, text in enumerate(statements):
        start = time.monotonic()
        try:
            found = space.sql(text.replace("{trap}", trap.address), seconds=3.0)
        except AllearsError:
            found = None
        except Exception as error:
            failures.append(f"statement {number}: {type(error).__name__}")
            continue
        told = "" if found is None else str(found.slice(0, 5).to_pylist())
        if "root:" in told or "PATH" in told or "[space]" in told:
            failures.append(f"statement {number} read a file")
        if time.monotonic() - start > SECONDS:
            failures.append(f"statement {number} took {time.monotonic() - start:.0f} s")
    if space.counts() != held:
        failures.append("a statement changed what is held")
    return Tried("SQL statements", len(statements), failures)


def _files(space: Space, folder: Path) -> Tried:
    failures, found = Failures(), hostile.files()
    names = [
        n
        for n in (p.replace("\0", "") for p in hostile.paths())
        if "/" not in n and 0 < len(n.encode()) < 200 and n not in (".", "..")
    ]
    kept = folder / "given"
    kept.mkdir()
    for name in names:
        found[f"{name}.csv"] = b"text\nLate\n"
    for number, (name, content) in enumerate(found.items()):
        path = kept / name
        path.write_bytes(content)
        start = time.monotonic()
        try:
            space.listen(path, source="given")
        except AllearsError:
            pass
        except Exception as error:
            failures.append(f"file {number} ({name[:12]}): {type(error).__name__}")
        if time.monotonic() - start > 6 * SECONDS:
            failures.append(f"file {number} took {time.monotonic() - start:.0f} s")
        path.unlink()
    kept.rmdir()
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 > MEMORY:
        failures.append("memory passed 3 GB")
    return Tried("files", len(found), failures)


def _exports(space: Space, folder: Path) -> Tried:
    """Whatever came in, no cell of a CSV may begin as a formula."""
    failures, cells = Failures(), 0
    for table in ("signals", "issues", "cases"):
        path = folder / f"{table}.csv"
        try:
            space.export(table, path, "csv")
        except AllearsError:
            continue
        with path.open(newline="", encoding="utf-8") as file:
            for line in csv.reader(file):
                cells += len(line)
                bad = [c for c in line if c[:1] in "=+@\t\r" and c] + [
                    c for c in line if c[:1] == "-" and not _number(c)
                ]
                failures += [f"a formula in {table}"] * len(bad)
        path.unlink()
    return Tried("cells of exports", cells, failures)


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _outside(root: Path, space: Path) -> set[str]:
    found = {str(p.relative_to(root)) for p in root.rglob("*") if space not in p.parents and p != space}
    owned = [
        p
        for p in (Path("owned"), Path("owned.csv"), Path("owned.db"), Path("/tmp/allears-owned"))
        if p.exists()
    ]
    return found | {p.name for p in owned}
