from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from allears.desk import Desk
from allears.desk.only import only

HOLDER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from allears.desk import Desk
    from allears.desk.only import only
    with only(Desk(sys.argv[1], Path(sys.argv[2])), Path(sys.argv[2]), "erase.lock"):
        print("held", flush=True)
        time.sleep(60)
    """
)


def holder(url: str, folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("kind", ["one machine", "two machines"])
def test_one_holds_a_lock_until_it_is_killed(kind: str, migrated: Callable[[], str], tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    url = migrated() if kind == "two machines" else "sqlite:///desk.db"
    there, here = tmp_path / "one", tmp_path / ("two" if kind == "two machines" else "one")
    desk = Desk(url, here)
    process = holder(url, there)
    try:
        with pytest.raises(BlockingIOError), only(desk, here, "erase.lock", wait=False):
            pass
        with only(desk, here, "pulls.lock", wait=False):
            pass
    finally:
        process.kill()
        process.wait()
        process.stdout and process.stdout.close()
    for _ in range(30):
        with only(desk, here, "erase.lock"), only(desk, here, "pulls.lock", wait=False):
            pass
    desk.close()
