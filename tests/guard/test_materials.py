"""The bill of materials is CycloneDX, holds what is installed and no more, and known flaws are asked for by name and version."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from allears.cli.app import run
from allears.errors import WorldFailed
from allears.guard.flaws import flaws
from allears.guard.materials import Part, bill, parts

GONE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def found() -> list[Part]:
    return parts()


def test_the_bill_is_valid_by_the_published_schema(found: list[Part]) -> None:
    # Loading what checks it takes seconds, which whoever only collects tests should not wait for.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill(found))) is None
    wrong = bill(found) | {"components": [{"type": "a thing"}]}
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(wrong)) is not None


def test_it_holds_what_is_needed_and_installed_and_nothing_else(found: list[Part]) -> None:
    names = {part.name for part in found}
    installed = {canonicalize_name(d.name): d.version for d in distributions()}
    assert found[0].name == "allears" and len(names) == len(found)
    assert all(installed[part.name] == part.version for part in found)
    # Needed by itself, through another, and by an extra of another (uvicorn[standard]).
    assert {"duckdb", "starlette", "httptools"} <= names
    # Of this checkout's tools, not of the product.
    assert not {"pytest", "mypy", "ruff", "cyclonedx-python-lib"} & names


def test_each_part_that_another_needs_is_in_it(found: list[Part]) -> None:
    made = bill(found)
    refs = {made["metadata"]["component"]["bom-ref"], *(c["bom-ref"] for c in made["components"])}
    edges = {d["ref"]: set(d["dependsOn"]) for d in made["dependencies"]}
    assert edges.keys() == refs and set().union(*edges.values()) <= refs
    reached, left = set[str](), [f"pkg:pypi/allears@{version('allears')}"]
    while left:
        if (ref := left.pop()) not in reached:
            reached.add(ref)
            left += edges[ref]
    assert reached == refs


class _Answers(BaseHTTPRequestHandler):
    """OSV's documented shape: one result for each query, in order; empty where nothing is known."""

    said: dict[str, Any] = {}
    asked: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append({"path": self.path} | body)
        known = self.said.get("known", {})
        results = [{"vulns": known[q["package"]["purl"]]} if q["package"]["purl"] in known else {} for q in body["queries"]]  # fmt: skip
        content = json.dumps(self.said.get("whole", {"results": results})).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def osv() -> Iterator[str]:
    _Answers.said, _Answers.asked = {}, []
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_flaws_are_told_of_the_version_that_has_them(osv: str, found: list[Part], capsys: Any) -> None:
    mine = next(part for part in found if part.name == "duckdb")
    _Answers.said = {"known": {mine.purl: [{"id": "GHSA-b"}, {"id": "CVE-a"}]}}
    assert flaws(found, where=osv) == [
        {"name": "duckdb", "version": mine.version, "flaws": ["CVE-a", "GHSA-b"]}
    ]
    assert _Answers.asked == [
        {"path": "/v1/querybatch", "queries": [{"package": {"purl": part.purl}} for part in found]}
    ]
    assert run(["sbom", "--audit", "--osv", osv]) == 1 and "GHSA-b" in capsys.readouterr().out
    _Answers.said = {}
    assert run(["sbom", "--audit", "--osv", osv]) == 0 and "no flaw is known" in capsys.readouterr().out


def test_whoever_cannot_be_asked_is_not_taken_for_a_good_answer(
    osv: str, found: list[Part], capsys: Any
) -> None:
    with pytest.raises(WorldFailed) as gone:
        flaws(found, where=GONE)
    assert gone.value.again
    assert run(["sbom", "--audit", "--osv", GONE]) == 0 and "skipped" in capsys.readouterr().err
    for whole in ({"results": [{}]}, {"results": None}, [], {"results": ["x"] * len(found)}):
        _Answers.said = {"whole": whole}
        with pytest.raises(WorldFailed) as wrong:
            flaws(found, where=osv)
        assert not wrong.value.again
        assert run(["sbom", "--audit", "--osv", osv]) == 1


def test_a_file_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "bom.json"
    assert run(["sbom", "--out", str(path)]) == 0
    assert json.loads(path.read_text("utf-8"))["bomFormat"] == "CycloneDX"
    assert run(["sbom", "--out", str(path)]) == 2
