"""The names of the very customer who writes, in every spelling people use for themselves; all invented."""

from __future__ import annotations

import pytest

from allears.guard.redaction.redact import redact


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Robert Müller", ["robert", "ROBERT", "Bob", "bobby", "Rob", "Muller", "Mueller", "MÜLLER", "R. Müller", "R.M.", "Müller, Robert", "robert müller"]),
        ("Giuseppe D'Angelo", ["Beppe", "peppe", "D'Angelo", "d’angelo", "Dangelo", "G. D'Angelo"]),
        ("Marie-Claire Lefèvre", ["Marie Claire", "marieclaire", "Lefevre", "MARIE-CLAIRE", "lefèvre"]),
        ("José Muñoz Gómez", ["Pepe", "Munoz", "gomez", "JOSÉ", "Jose\u0301"]),
        ("João Gonçalves", ["joao", "Goncalves", "JOÃO"]),
        ("Jürgen Weiß", ["Juergen", "jurgen", "Weiss", "WEISS"]),
        ("Elizabeth O'Neill", ["Liz", "Betty", "O'Neill", "o’neill", "oneill"]),
        ("Li Wu", ["Li Wu", "LI WU", "Wu"]),
        ("Zoë Quince", ["zo\u200be", "ｚｏｅ", "zоe", "ZOE"]),
    ],
)  # fmt: skip
def test_each_way_of_writing_it_goes(name: str, written: list[str]) -> None:
    for form in written:
        (out,) = redact([f"so {form} waits"], [[("name", name)]]).texts
        assert out is not None
        assert out.rstrip(".").replace("., ", "") in {"so <NAME_1> waits", "so <NAME_1>, <NAME_2> waits"}, (
            form
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna's parcel", "<NAME_1>'s parcel"),
        ("wo ist Quills paket", "wo ist <NAME_1> paket"),
        ("Anna’s", "<NAME_1>’s"),
        ("I annas it", "I annas it"),
        ("bananna", "bananna"),
        ("annapolis", "annapolis"),
    ],
)
def test_a_possessive_goes_and_a_longer_word_stays(text: str, expected: str) -> None:
    assert redact([text], [[("name", "Anna Quill")]]).texts == [expected]


def test_two_letters_are_a_name_with_a_capital_only_and_never_a_small_word() -> None:
    known = [[("name", "An Li")]] * 3
    assert redact(["Li asks", "li asks", "An order"], known).texts == ["<NAME_1> asks", "li asks", "An order"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "-",
        "Ada Quince Jr.",
        "Ada (Zed) Q.",
        "(Ada)",
        "'",
        "Ada -",
        "1 2",
        "ß",
        "\u200b Ada",
        "李 小龍",
    ],
)
def test_odd_names_are_taken_as_they_come(name: str) -> None:
    (out,) = redact(["so it waits"], [[("name", name)]]).texts
    assert out == "so it waits"
