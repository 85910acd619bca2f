"""Write ``docs/reference.md`` from the code: commands, settings, tables, HTTP routes, roles. Run: ``uv run scripts/reference.py``."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import get_args

import msgspec

from allears.cli.app import COMMANDS
from allears.guard.access import RIGHTS, Role
from allears.guard.mask import HIDDEN, MEANINGS, Field
from allears.guard.purpose import SHIPPED, Changed
from allears.guard.retain import Keep
from allears.guard.sight import Closed, Extent, OfRole, Partner
from allears.guard.signature import Signature
from allears.know.segment import Condition
from allears.listen.known_vendors import Vendors
from allears.listen.networks import NETWORKS, VERSION
from allears.listen.pull.vendor_tables import read_tables, shipped_tables
from allears.listen.vendor import Answer, Example, Rule, Vendor
from allears.settings import describe
from allears.tables import TABLES

ROUTES = Path(__file__).resolve().parents[1] / "tests" / "web" / "routes.csv"
PATH = Path(__file__).resolve().parents[1] / "docs" / "reference.md"


def text() -> str:
    parts = ["# Reference\n\nWritten by `scripts/reference.py` from the code; a test keeps it so.\n"]
    parts.append(
        "## Commands\n\nEach takes `--space DIR` (default: the nearest `allears.toml` upwards) and `--json`; `allears NAME --help` tells the rest. "
        "Exit codes: 0 done, 1 failed (`allears listen`: something was refused and nothing taken), 2 wrong use.\n"
    )
    parts += [f"- `allears {name}`" for name in COMMANDS]
    parts.append("\n## Settings: `allears.toml`\n\n| section | name | default | meaning |\n|---|---|---|---|")
    parts += [f"| {s['section']} | {s['name']} | `{s['default']}` | {s['help']} |" for s in describe()]
    parts.append(
        "\n## Retention: `retention.toml`\n\nOne `[[keep]]` for each period.\n\n| field | default | meaning |\n|---|---|---|"
    )
    parts += [_field(field) for field in msgspec.structs.fields(Keep)]
    parts.append(
        "\n## Purposes: `purposes.toml`\n\nOne table for each purpose that is not as it ships.\n\n| field | default | meaning |\n|---|---|---|"
    )
    parts += [_field(field) for field in msgspec.structs.fields(Changed)]
    parts.append(
        "\n| purpose | basis | what is done | names in consent events | IAB TCF |\n|---|---|---|---|---|"
    )
    parts += [
        f"| {name} | {use.basis} | {use.says} | {', '.join(use.categories)} | {', '.join(map(str, use.tcf))} |"
        for name, use in SHIPPED.items()
    ]
    parts.append(
        "\n## Sight: `access.toml`\n\nWithout it everybody but a partner sees every row, and of each the fields of their role."
    )
    for struct in (Partner, Extent, OfRole, Closed):
        head = struct.__doc__.splitlines()[0]
        parts.append(f"\n{head}\n\n| field | default | meaning |\n|---|---|---|")
        parts += [_field(field) for field in msgspec.structs.fields(struct)]
    parts.append("\n| field about a person | what it is | hidden, as it ships, from |\n|---|---|---|")
    parts += [
        f"| {field} | {MEANINGS[field]} | {', '.join(role for role in Role if field in HIDDEN[role]) or 'nobody'} |"
        for field in Field
    ]
    parts.append(
        "\n## Segments: `segments/*.toml`\n\n`name`, `says`, `purpose`, `relationship` (default consumer); lists `where` (all must hold) and `unless` (none may). "
        "Each condition says what it is `about`:\n\n| about | field | default | meaning |\n|---|---|---|---|"
    )
    for condition in get_args(Condition):
        about = condition.__struct_config__.tag
        parts.append(f"| `{about}` | | | {condition.__doc__.splitlines()[0]} |")
        parts += [f"| {_field(field)}" for field in msgspec.structs.fields(condition)]
    parts.append("\n## Roles\n\nDenied until a row allows it.\n\n| role | may |\n|---|---|")
    parts += [
        f"| {role} | {', '.join(sorted(a.value for a in actions))} |" for role, actions in RIGHTS.items()
    ]
    parts.append(_routes())
    parts.append(
        "\n## Vendors\n\nWebhooks at `/hooks/SOURCE`; each adapter is one TOML in `src/allears/listen/vendors`, and one in a space's folder `vendors` "
        "works the same. Edits supersede, deletes redact.\n\n| vendor | name | what comes in | edits, deletes | signature | checked against |\n|---|---|---|---|---|---|"
    )
    parts += [_vendor(reader.vendor) for reader in Vendors().values()]
    for struct, title in (
        (Rule, "An adapter's rule"),
        (Signature, "An adapter's signature"),
        (Answer, "An adapter's answer"),
        (Example, "An adapter's example"),
    ):
        parts.append(
            f"\n### {title}\n\n{struct.__doc__.splitlines()[0]}\n\n| field | default | meaning |\n|---|---|---|"
        )
        parts += [_field(field) for field in msgspec.structs.fields(struct)]
    parts.append(
        '\n## Pulls through dlt\n\nWith `pip install "allears[pull]"`; each is one TOML in `src/allears/listen/pull/tables_of`.\n\n'
        "| kind | what | needs | secret | tables |\n|---|---|---|---|---|"
    )
    parts += [_tables(name) for name in shipped_tables()]
    parts.append(
        f"\n## Networks\n\nVersion {VERSION}. A source whose name holds one of these words is of that network; others are networks of their own.\n\n"
        "| network | words |\n|---|---|"
    )
    parts += [f"| {network} | {', '.join(words)} |" for network, words in NETWORKS.items()]
    parts.append("\n## Tables")
    for table in TABLES.values():
        parts.append(f"\n### {table.name}\n\n{table.meaning}\n\n| column | type | meaning |\n|---|---|---|")
        parts += [
            f"| {c.name} | `{c.type}` | {c.meaning.replace('|', chr(92) + '|')} |" for c in table.columns
        ]
    return "\n".join(parts) + "\n"


def _tables(name: str) -> str:
    one = read_tables(name)
    needs = "; ".join(f"`{option}`: {meaning}" for option, meaning in one.needs.items())
    return f"| {name} | {one.says} | {needs or ('' if one.base else '`url`')} | {one.secret} | {', '.join(one.tables)} |"


def _routes() -> str:
    rows = list(csv.reader(ROUTES.read_text("utf-8").splitlines()))
    lines = [
        "\n## Routes\n\nWhat each role is answered at each route: the status code, for pages with a log-in, elsewhere with a key. 303 without a log-in leads to it. "
        "Kept in `tests/web/routes.csv`; every cell is asked for in the tests, and a route without a row fails them.\n",
        f"| {' | '.join(rows[0])} |\n|{'---|' * len(rows[0])}",
    ]
    lines += [f"| `{row[0]}` | {row[1]} | `{row[2]}` | {' | '.join(row[3:])} |" for row in rows[1:]]
    return "\n".join(lines)


def _vendor(vendor: Vendor) -> str:
    does = {rule.does for rule in vendor.rule}
    changes = ", ".join(word for word in ("edit", "delete") if word in does) or "-"
    schemes = "; ".join(_scheme(one) for one in vendor.signature)
    return f"| {vendor.title} | `{vendor.name}` | {vendor.says} | {changes} | {schemes} | {vendor.verified} |"


def _scheme(one: Signature) -> str:
    place = (
        f"query `{one.query}`"
        if one.query
        else f"field `{one.form}`"
        if one.form
        else f"`{one.header or 'authorization'}`"
    )
    window = f", {one.window_seconds // 60} min" if one.timestamp or one.timestamp_prefix else ""
    what = f"{one.scheme} {one.hash} of `{one.signed}`" if one.scheme == "hmac" else one.scheme
    return f"{what} in {place}{window}"


def _field(field: msgspec.structs.FieldInfo) -> str:
    meta = getattr(field.type, "__metadata__", (msgspec.Meta(),))[0]
    default = (
        ""
        if field.required
        else "as it ships"
        if field.default is msgspec.UNSET
        else f"`{field.default}`"
        if field.default is not msgspec.NODEFAULT
        else "`{}`"
    )
    return f"| {field.name} | {default} | {(meta.description or '').replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
    print(f"wrote {PATH}")
