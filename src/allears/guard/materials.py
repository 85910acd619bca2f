"""What this installation is made of: a bill of materials in CycloneDX's form, from the metadata that each package brought along."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

FORM = "1.6"
ROOT = "allears"


class Part(NamedTuple):
    """A package that is installed, and what it needs."""

    name: str
    version: str
    needs: tuple[str, ...]
    licences: tuple[dict[str, Any], ...]
    summary: str

    @property
    def purl(self) -> str:
        """Its address in the language of package URLs."""
        return f"pkg:pypi/{self.name}@{self.version}"


def parts(root: str = ROOT) -> list[Part]:
    """List what a package needs and that is installed, directly and through others, by name; itself first.

    Examples
    --------
    >>> found = parts("packaging")
    >>> [part.name for part in found], found[0].purl == f"pkg:pypi/packaging@{found[0].version}"
    (['packaging'], True)
    """
    # An extra counts where what it brings is installed: nothing tells whether it was asked for.
    wanted, found = [(root, frozenset(_extras(root)))], dict[str, Part]()
    seen = set(wanted)
    while wanted:
        name, extras = wanted.pop()
        try:
            made = distribution(name)
        except PackageNotFoundError:
            continue
        needs = {**dict.fromkeys(found[name].needs if name in found else ())}
        for need in _needs(made, extras):
            one = (canonicalize_name(need.name), frozenset(need.extras))
            needs[one[0]] = None
            if one not in seen:
                seen.add(one)
                wanted.append(one)
        text = _line(made, "Summary")
        found[name] = Part(name, made.version, tuple(needs), tuple(_licences(made)), text)
    installed = [
        part._replace(needs=tuple(sorted(n for n in part.needs if n in found))) for part in found.values()
    ]
    return sorted(installed, key=lambda part: (part.name != root, part.name))


def bill(found: list[Part], at: datetime | None = None) -> dict[str, Any]:
    """Write a bill of materials: CycloneDX 1.6, to be kept as JSON."""
    first, *others = found
    when = (at or datetime.now(UTC)).isoformat(timespec="seconds")
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{FORM}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": FORM,
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": when,
            "tools": {"components": [{"type": "application", "name": ROOT, "version": first.version}]},
            "component": _component(first, "application"),
        },
        "components": [_component(part, "library") for part in others],
        "dependencies": [
            {"ref": part.purl, "dependsOn": [one.purl for one in found if one.name in part.needs]}
            for part in found
        ],
    }


def _component(part: Part, kind: str) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind, "bom-ref": part.purl, "name": part.name, "version": part.version, "purl": part.purl}  # fmt: skip
    if part.summary:
        made["description"] = part.summary
    if part.licences:
        made["licenses"] = list(part.licences)
    return made


def _extras(name: str) -> list[str]:
    return distribution(name).metadata.get_all("Provides-Extra") or []


def _needs(made: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    for line in made.requires or ():
        try:
            need = Requirement(line)
        except InvalidRequirement:
            continue
        marker = need.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield need


def _licences(made: Distribution) -> Iterator[dict[str, Any]]:
    told = made.metadata
    if expression := _line(made, "License-Expression"):
        yield {"expression": expression}
        return
    named = [c.rpartition(" :: ")[2] for c in told.get_all("Classifier") or () if c.startswith("License :: ")]
    # Some write their whole licence where its name belongs.
    line = _line(made, "License")
    for name in named or ([line] if 0 < len(line) <= 100 and "\n" not in line else []):
        yield {"license": {"name": name}}


def _line(made: Distribution, name: str) -> str:
    return str((made.metadata.get_all(name) or [""])[0]).strip()
