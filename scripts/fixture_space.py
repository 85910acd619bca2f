"""Make the space that later versions must be able to open, from a few simulated messages. Run: ``uv run scripts/fixture_space.py``.

Writes ``tests/spaces/VERSION.tar.gz``. Run it once for each release, and never again for that release: what it wrote then
is what people have on their disks.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from allears.clock import SetClock
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FOLDER = Path(__file__).parent.parent / "tests" / "spaces"
PASSWORD = "a pass phrase of the fixture"


def rows() -> list[dict[str, Any]]:
    """Twenty messages of five people, two of whom turn out to be one."""
    people = [{"email": f"person{n}@example.com"} for n in range(4)]
    people.append({"email": "person0@example.com", "user_id": "u-0"})
    texts = (
        "My parcel never came, call +44 20 7946 0958",
        "Wonderful, thank you",
        "The card was declined twice",
        "Still waiting",
    )
    return [
        {
            "signal_id": f"m{n}",
            "text": texts[n % 4],
            "channel": ("email", "chat")[n % 2],
            "identifiers": people[n % 5],
            "rating": n % 5 + 1,
            "rating_scale": "stars-1-5",
            "occurred_at": (NOW - timedelta(hours=30 - n)).isoformat(),
        }
        for n in range(20)
    ]


def make(folder: Path) -> None:
    """Live a little in a new space: hear, digest, erase, be refused, leave something waiting."""
    with Space.open(folder, clock=SetClock(NOW)) as space:
        space.logins.add("ana", PASSWORD, "analyst")
        space.keys.make("engineer", "loader")
        space.hear(rows(), source="helpdesk")
        space.take("signals", b'[{"text": 5}]', source="helpdesk")
        space.digest()
        space.erase("person3@example.com", why="a request of the fixture")
        space.sign_audit()
        space.hear(
            [{"signal_id": "waiting", "text": "Did you get this?", "identifiers": {"user_id": "u-0"}}],
            source="helpdesk",
        )


def nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who packed it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def main() -> None:
    """Make it and pack it."""
    target = FOLDER / f"{version('allears')}.tar.gz"
    if target.exists() and "--again" not in sys.argv:
        raise SystemExit(f"{target.name} is there; --again replaces it")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch) / "space")
        with tarfile.open(target, "w:gz") as packed:
            packed.add(Path(scratch) / "space", "space", filter=nobody)
    print(f"{target.name}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
