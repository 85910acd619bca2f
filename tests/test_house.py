"""The house stays in order: who may import whom, types, style, docs that say what the code does."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)


def test_stages_never_import_each_other() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_source_is_typed_strictly() -> None:
    done = run("mypy", "--cache-dir", ".mypy_cache")
    assert done.returncode == 0, done.stdout[-3000:]


def test_style() -> None:
    done = run("ruff", "check", ".")
    assert done.returncode == 0, done.stdout[-3000:]


def test_form() -> None:
    done = run("ruff", "format", "--check", ".")
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_stage_shows_at_most_six_names() -> None:
    for stage in ("listen", "guard", "know", "understand", "foresee", "measure", "act", "show"):
        tree = ast.parse((ROOT / "src" / "allears" / stage / "__init__.py").read_text("utf-8"))
        shown = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
        ]
        assert shown and len(shown[0]) <= 6, f"{stage} shows {shown}"


def test_no_file_is_called_by_a_word_that_means_nothing() -> None:
    banned = {"utils", "helpers", "common", "service", "manager", "misc"}
    found = [p for p in (ROOT / "src").rglob("*.py") if p.stem in banned]
    assert not found


def _script(name: str) -> object:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says() -> None:
    reference = _script("reference")
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == reference.text(), (
        "run: uv run scripts/reference.py"
    )  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "page",
    sorted(p.relative_to(ROOT).as_posix() for p in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]),
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def test_commands_named_in_the_docs_exist() -> None:
    from allears.cli.app import COMMANDS

    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    named = {
        word
        for p in pages
        for word in re.findall(r"(?:^|[`\s])allears ([a-z]+)\b", p.read_text("utf-8"))
        if word != "is"
    }
    known = {*COMMANDS, "link", "demo", "found", "says", "said", "knows", "and", "does", "will", "can"}
    assert named <= known, f"the docs name commands that do not exist: {sorted(named - known)}"
