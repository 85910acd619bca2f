"""Write the exact versions that were tested into ``[tool.uv] constraint-dependencies``.

A lock file would name the registry it was made with; constraints name versions alone. Run: ``uv run scripts/pin.py``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    subprocess.run(["uv", "lock", *sys.argv[1:]], cwd=ROOT, check=True)
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    found = sorted({f"{p['name']}=={p['version']}" for p in lock["package"] if p["name"] != "allears"})
    several = {
        name
        for name in {f.partition("==")[0] for f in found}
        if sum(f.startswith(name + "==") for f in found) > 1
    }
    pinned = [f for f in found if f.partition("==")[0] not in several]
    listed = "\n".join(f'    "{line}",' for line in pinned)
    path = ROOT / "pyproject.toml"
    text = path.read_text("utf-8")
    text = re.sub(
        r"constraint-dependencies = \[.*?\]",
        f"constraint-dependencies = [\n{listed}\n]",
        text,
        count=1,
        flags=re.S,
    )
    path.write_text(text, "utf-8")
    print(
        f"pinned {len(pinned)} packages"
        + (f"; several versions, not pinned: {', '.join(sorted(several))}" if several else "")
    )


if __name__ == "__main__":
    main()
