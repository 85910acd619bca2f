"""Write ``docs/reference.md`` from the code: commands, settings, tables, HTTP routes, roles. Run: ``uv run scripts/reference.py``."""

from __future__ import annotations

from pathlib import Path

from allears.cli.app import COMMANDS
from allears.guard.access import RIGHTS
from allears.settings import describe
from allears.tables import TABLES

PATH = Path(__file__).resolve().parents[1] / "docs" / "reference.md"


def text() -> str:
    parts = ["# Reference\n\nWritten by `scripts/reference.py` from the code; a test keeps it so.\n"]
    parts.append(
        "## Commands\n\nEach takes `--space DIR` (default: the nearest `allears.toml` upwards) and `--json`; `allears NAME --help` tells the rest. "
        "Exit codes: 0 done, 1 failed, 2 wrong use.\n"
    )
    parts += [f"- `allears {name}`" for name in COMMANDS]
    parts.append("\n## Settings: `allears.toml`\n\n| section | name | default | meaning |\n|---|---|---|---|")
    parts += [f"| {s['section']} | {s['name']} | `{s['default']}` | {s['help']} |" for s in describe()]
    parts.append("\n## Roles\n\nDenied until a row allows it.\n\n| role | may |\n|---|---|")
    parts += [
        f"| {role} | {', '.join(sorted(a.value for a in actions))} |" for role, actions in RIGHTS.items()
    ]
    parts.append("\n## Tables")
    for table in TABLES.values():
        parts.append(f"\n### {table.name}\n\n{table.meaning}\n\n| column | type | meaning |\n|---|---|---|")
        parts += [
            f"| {c.name} | `{c.type}` | {c.meaning.replace('|', chr(92) + '|')} |" for c in table.columns
        ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
    print(f"wrote {PATH}")
