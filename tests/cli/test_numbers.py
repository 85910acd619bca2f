"""Every number an option takes has bounds, told by the option's name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from cyclopts import App

from allears.cli.app import app, run
from allears.space import Space

HUGE = "1" + "0" * 30
# What a command needs besides the number that is wrong.
NEEDED = {
    "customer": ["u1"], "link accept": ["--why", "x"], "link refuse": ["--why", "x"], "keys new": ["--role", "agent"], "playbook rehearse": ["x"],
    "sql": ["SELECT 1"], "ask": ["x", "--to", "x", "--dry-run"], "segments members": ["x"], "pull": ["x"], "glass break": ["u1", "--user", "x", "--why", "x"],
}  # fmt: skip


def _numbers(told: Any) -> set[type]:
    if get_origin(told) is Annotated:
        return _numbers(get_args(told)[0])
    if get_origin(told) in (Union, UnionType):
        return set().union(*map(_numbers, get_args(told)))
    return {told} & {int, float}


def _commands(of: App, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in of:
        if name.startswith("-"):
            continue
        found = of[name]
        yield from _commands(found, (*words, name))
        if found.default_command is not None:
            yield (*words, name), found.default_command


def _cases() -> Iterator[Any]:
    for words, command in _commands(app):
        hints = get_type_hints(command, include_extras=True)
        for name, one in inspect.signature(command).parameters.items():
            kinds = _numbers(hints[name])
            positional = one.kind is inspect.Parameter.POSITIONAL_ONLY
            option = [] if positional else [f"--{name.replace('_', '-')}"]
            for wrong in ["-1", HUGE, *["nan"] * (float in kinds)]:
                if kinds:
                    yield pytest.param(
                        " ".join(words),
                        option,
                        wrong,
                        option[0] if option else name.upper(),
                        id=f"{' '.join(words)} {name} {wrong[:4]}",
                    )


CASES = list(_cases())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("numbers") / "shop"
    Space.open(made).close()
    return made


def test_commands_with_numbers_are_found() -> None:
    assert len(CASES) > 40


@pytest.mark.parametrize(("command", "option", "wrong", "place"), CASES)
def test_a_number_out_of_bounds_is_told_by_name(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    option: list[str],
    wrong: str,
    place: str,
) -> None:
    monkeypatch.chdir(folder)
    number = [*option, wrong] if option else ["--", wrong]
    code = run([*command.split(), *NEEDED.get(command, ()), *number])
    said = " ".join(capsys.readouterr().err.split())
    assert code == 2 and place in said and ("Must be" in said or "expected" in said), said
