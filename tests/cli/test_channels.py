"""Channels on the command line: connect, list, try, remove; a secret is never on the command line or on the screen."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.vendor_payloads import CASES, VENDORS

from allears.cli.app import run

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def allears(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(words)
        out, err = capsys.readouterr()
        return code, out, err

    assert call("new", "acme")[0] == 0
    monkeypatch.chdir(tmp_path / "acme")
    return call


def test_a_given_secret_comes_from_input_environment_or_file_and_is_never_printed(
    allears: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("shh-input\n"))
    monkeypatch.setenv("SLACK_SECRET", "shh-env")
    (tmp_path / "secret").write_text("shh-file\n", "utf-8")
    printed = ""
    for name, option in (
        ("a", ("--secret", "-")),
        ("b", ("--secret-env", "SLACK_SECRET")),
        ("c", ("--secret-file", str(tmp_path / "secret"))),
    ):
        code, out, err = allears("channels", "add", name, "--vendor", "slack", *option)
        assert code == 0, err
        assert f"/hooks/{name}" in out and "signing secret" in out
        printed += out + err
    printed += "".join(allears("channels", "list")[1:]) + "".join(allears("status", "--json")[1:])
    assert "shh" not in printed


def test_wrong_use_says_what_to_do(allears: Run, tmp_path: Path) -> None:
    for words, says in (
        (("add", "x", "--vendor", "slack"), "the secret"),
        (("add", "x", "--vendor", "slack", "--secret", "in-clear"), "command line"),
        (("add", "x", "--vendor", "slack", "--secret-env", "NOT_SET"), "environment"),
        (("add", "x", "--vendor", "slack", "--secret-file", "nowhere"), "file"),
        (("add", "x", "--vendor", "slick"), "there are"),
        (("add", "x/y", "--vendor", "telegram"), "letters"),
        (("remove", "x"), "no channel"),
        (("try", "slack", "nowhere.json"), "no such file"),
        (("try", "slick", "nowhere.json"), "no such"),
    ):
        code, _, err = allears("channels", *words)
        assert code in (1, 2) and says in err, (words, err)
        assert "in-clear" not in err


def test_a_made_token_is_shown_once_and_a_name_is_taken_once(allears: Run) -> None:
    code, out, _ = allears("channels", "add", "bot", "--vendor", "telegram", "--json")
    made = json.loads(out)
    assert code == 0 and len(made["secret"]) > 30
    assert made["secret"] not in "".join(allears("channels", "list", "--json")[1:])
    assert allears("channels", "add", "bot", "--vendor", "telegram")[0] == 1
    assert allears("channels", "remove", "bot")[0] == 0
    assert json.loads(allears("channels", "list", "--json")[1]) == []
    assert allears("channels", "add", "bot", "--vendor", "telegram")[0] == 0


def test_meta_channels_get_a_verify_token(allears: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_SECRET", "shh")
    code, out, _ = allears("channels", "add", "wa", "--vendor", "whatsapp", "--secret-env", "APP_SECRET")
    assert code == 0 and "verify token: " in out


def test_vendors_are_listed_those_of_the_space_too(allears: Run, tmp_path: Path) -> None:
    found = json.loads(allears("channels", "vendors", "--json")[1])
    assert [one["vendor"] for one in found] == sorted([*VENDORS, "call-transcripts"])
    folder = tmp_path / "acme" / "vendors"
    folder.mkdir()
    own = 'name = "box"\ntitle = "Box"\nsays = "notes"\nsetup = "-"\nchannel = "store"\nevents = [["note", "body"]]\n'
    own += '[[signature]]\nscheme = "token"\nheader = "x-box"\n[[rule]]\nwhen = "note.words"\ntext = "note.words"\n'
    (folder / "box.toml").write_text(own, "utf-8")
    assert "box" in [one["vendor"] for one in json.loads(allears("channels", "vendors", "--json")[1])]
    (tmp_path / "note.json").write_text('{"words": "more tea"}', "utf-8")
    shown = json.loads(allears("channels", "try", "box", str(tmp_path / "note.json"), "--json")[1])
    assert shown["signals"][0]["text"] == "more tea"


@pytest.mark.parametrize("does", ["create", "edit", "delete", "ignore"])
@pytest.mark.parametrize(
    "form", ["application/json", "application/x-www-form-urlencoded", "text/xml; charset=utf-8"]
)
def test_trying_shows_what_would_come_out_and_keeps_nothing(
    allears: Run, tmp_path: Path, does: str, form: str
) -> None:
    case = next((c for c in CASES if c.does == does and c.content_type == form and not c.headers), None)
    if case is None:
        return
    (tmp_path / "payload").write_bytes(case.body)
    code, out, _ = allears("channels", "try", case.vendor, str(tmp_path / "payload"))
    assert code == 0
    if does == "delete":
        assert str(case.id) in out
    elif does == "ignore":
        assert "leaves out" in out
    else:
        assert str(case.id) in out
    assert json.loads(allears("status", "--json")[1])["accepted"] == 0


def test_a_header_decides_where_the_vendor_tells_the_kind_in_one(allears: Run, tmp_path: Path) -> None:
    case = next(c for c in CASES if c.vendor == "shopify")
    (tmp_path / "order.json").write_bytes(case.body)
    words = ("channels", "try", "shopify", str(tmp_path / "order.json"), "--json")
    code, out, _ = allears(*words)
    assert "does not know" in json.loads(out)["refused"][0]["reason"] and code == 1
    code, _, complaint = allears(*words[:-1])
    assert code == 1 and "nothing in it would be taken in" in complaint
    shown = json.loads(allears(*words, "--header", "X-Shopify-Topic:orders/create")[1])
    assert shown["signals"][0]["signal_id"] == "try:order:700"


def test_one_vendor_file_that_is_wrong_hides_no_other_and_is_named(allears: Run, tmp_path: Path) -> None:
    allears("new", str(tmp_path / "acme"))
    folder = tmp_path / "acme" / "vendors"
    folder.mkdir(exist_ok=True)
    (folder / "torn.toml").write_text("not toml [", "utf-8")
    (folder / "latin.toml").write_bytes(b'name = "caf\xe9"')
    # A copy of a shipped vendor that kept its name would have been read by the shipped one.
    (folder / "our-box.toml").write_text('name = "slack"\n' + OWN_REST, "utf-8")
    code, out = allears("channels", "vendors", "--json", "--space", str(tmp_path / "acme"))[:2]
    found = {one["vendor"]: one["says"] for one in json.loads(out)}
    assert code == 0 and "slack" in found
    for name, why in (("torn", "'='"), ("latin", "UTF-8"), ("our-box", 'name = "our-box"')):
        assert found[name].startswith("cannot be used") and why in found[name]


OWN_REST = """
title = "Box"
says = "notes"
setup = "none"
channel = "store"
signature = [{scheme = "token", header = "x-box"}]
events = [["note", "body.notes"]]
rule = [{when = "note.words", id = "note.no", text = "note.words"}]
"""


def test_the_doctor_names_adapters_and_layouts_that_cannot_be_read(allears: Run) -> None:
    for folder, text in (("vendors", 'name = "ours"\n'), ("platforms", 'title = "Ours"\n')):
        Path(folder).mkdir(exist_ok=True)
        (Path(folder) / "ours.toml").write_text(text, "utf-8")
    told = json.loads(allears("doctor", "--json")[1])
    wrong = {one["check"]: one["says"] for one in told if not one["ok"]}
    assert set(wrong) >= {"vendors/ours.toml", "platforms/ours.toml"}
    assert "ours.toml" in wrong["platforms/ours.toml"]


@pytest.mark.parametrize("vendor", sorted([*VENDORS, "call-transcripts"]))
def test_a_vendor_that_ships_keeps_to_the_examples_in_its_own_file(allears: Run, vendor: str) -> None:
    code, out, _ = allears("channels", "try", vendor, "--json")
    held = json.loads(out)
    assert code == 0 and {one["gives"] for one in held} <= {"create", "edit", "delete", "ignore"}
    assert {c.does for c in CASES if c.vendor == vendor} <= {one["gives"] for one in held}
    assert any(one["gives"] == "create" for one in held)


def test_an_example_that_an_adapter_does_not_keep_to_is_told(allears: Run) -> None:
    Path("vendors").mkdir()
    example = '\n[[example]]\nbody = \'{"notes": [{"no": 1, "words": "more tea"}]}\'\n'
    for name, more, says in (
        ("good", 'id = "1"\ntext = "more tea"\n', ""),
        ("id", 'id = "2"\n', "another id"),
        ("text", 'text = "less tea"\n', "another text"),
        ("edit", 'gives = "edit"\n', "no edit comes of it"),
        ("gone", 'gives = "delete"\n', "no delete comes of it"),
        ("left", 'gives = "ignore"\n', "it is taken in"),
    ):
        Path(f"vendors/{name}.toml").write_text(f'name = "{name}"\n' + OWN_REST + example + more, "utf-8")
        code, out, _ = allears("channels", "try", name, "--json")
        [held] = json.loads(out)
        assert says in held["says"] and held["ok"] == (not says) and code == (1 if says else 0), name
    Path("vendors/none.toml").write_text('name = "none"\n' + OWN_REST, "utf-8")
    code, _, complaint = allears("channels", "try", "none")
    assert code == 1 and "no example" in complaint
