from __future__ import annotations

from collections.abc import Sequence

import pytest

from allears.errors import NotFound, Refused
from allears.guard.redaction.level import KINDS, hidden_kinds
from allears.guard.redaction.redact import redact, redact_json
from allears.guard.redaction.spotter import load_spotter

TEXT = "Since 3 May 2026 nobody at Nadir Shipping Ltd. in Lisbon helps; I work as a nurse, see nadir.com, it cost 45 euros."


def kinds(text: str, **how: object) -> set[str]:
    return {span.type for span in redact([text], **how).spans[0]}  # type: ignore[arg-type]


def test_what_analysts_need_stays_unless_asked_for() -> None:
    assert redact([TEXT]).texts == [TEXT]
    assert kinds(TEXT, level="strict") == {"DATE", "ORGANISATION", "PLACE", "TITLE", "SITE"}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("DATE", "on 3 May 2026"), ("DATE", "il 3 maggio 2026"), ("DATE", "am 3. Mai 2026"), ("DATE", "le 3 mai 2026"), ("DATE", "el 3 de mayo de 2026"), ("DATE", "2026-05-03 10:11:12"),
        ("PLACE", "we moved to Lisbon"), ("PLACE", "abito a Milano"), ("PLACE", "wohne in Köln"), ("PLACE", "from germany"), ("PLACE", "vivo en Sevilla"),
        ("ORGANISATION", "at Nadir Shipping Ltd."), ("ORGANISATION", "die Nadir GmbH zahlt"), ("ORGANISATION", "la Nadir S.p.A. paga"), ("ORGANISATION", "Ministry of Health says"),
        ("TITLE", "I work as a nurse"), ("TITLE", "the Railroad switch operator"), ("NATIONALITY", "sono italiana"), ("NATIONALITY", "a Portuguese friend"),
        ("SITE", "see nadir.com"), ("AMOUNT", "it cost 45 euros"), ("AMOUNT", "paid $1,234.50"), ("GUESS", "a word from Quibbleworth about it"),
    ],
)  # fmt: skip
def test_each_kind_can_be_switched_on_alone(kind: str, text: str) -> None:
    assert redact([text]).texts == [text]
    assert kinds(text, also=[kind])


def test_a_kind_can_be_kept_readable_though_strict() -> None:
    assert "DATE" not in kinds(TEXT, level="strict", keep=["DATE"])
    assert kinds("since 3 May 2026, born on 3 May 1980", level="strict", keep=["DATE"]) == {"BIRTHDAY"}


def test_amounts_go_only_when_named() -> None:
    assert "AMOUNT" not in hidden_kinds("strict")
    assert hidden_kinds("strict", also=["AMOUNT"]) == set(KINDS)


def test_strict_hides_all_that_standard_hides() -> None:
    texts = ["Hi Francesca, mail ada@example.com", "12 Oak Street", "born on 3 May 1980", "call 202-555-0143"]
    for text in texts:
        strict = redact([text], level="strict").spans[0]
        for span in redact([text]).spans[0]:
            assert any(s.start <= span.start and span.end <= s.end for s in strict)


@pytest.mark.parametrize(
    "text",
    [
        "DER VERSAND IST SCHLECHT UND DAS PAKET FEHLT",
        "Die Lieferung ist nicht da und der Kundendienst schweigt",
        "Can I top up my card?",
        "I'm waiting. We've asked. Don't ask.",
        "Why is my Flight Cancelled?",
    ],
)
def test_capitals_that_tell_nothing_are_not_guessed_from(text: str) -> None:
    assert redact([text], level="strict").texts == [text]


def test_fields_follow_the_level_too() -> None:
    row = '{"note":"since 3 May 2026"}'
    assert redact_json([row]) == [row]
    assert redact_json([row], level="strict") == ['{"note":"since <DATE_1>"}']


@pytest.mark.parametrize("how", [{"level": "loose"}, {"also": ["EVERYTHING"]}, {"keep": ["NAME"]}])
def test_no_such_level_or_kind(how: dict[str, object]) -> None:
    with pytest.raises(Refused):
        redact(["a"], **how)  # type: ignore[arg-type]


def fake(texts: Sequence[str]) -> list[list[tuple[int, int, str]]]:
    """Finds the word quokka."""
    return [[(at, at + 6, "NAME")] if (at := text.find("quokka")) >= 0 else [] for text in texts]


def broken(texts: Sequence[str]) -> list[list[tuple[int, int, str]]]:
    return [[(0, len(text) + 1, "NAME")] for text in texts]


def test_a_model_adds_to_what_the_rules_find() -> None:
    texts = ["😀 quokka, ada@example.com", None, "nothing", "\x00 quokka"]
    assert redact(texts, spotter=fake).texts == ["😀 <NAME_1>, <EMAIL_1>", None, "nothing", "\x00 <NAME_1>"]
    assert redact_json(['{"note":"a quokka"}'], spotter=fake) == ['{"note":"a <NAME_1>"}']


@pytest.mark.parametrize(
    "spotter", [broken, lambda texts: [], lambda texts: [[(0, 1, "name")] for _ in texts]]
)
def test_an_answer_that_does_not_fit_is_an_error_not_a_leak(spotter: object) -> None:
    with pytest.raises(Refused):
        redact(["abc"], spotter=spotter)  # type: ignore[arg-type]


def test_a_model_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("quokka_model")
    module.find = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "quokka_model", module)
    assert load_spotter("quokka_model:find") is fake
    assert load_spotter("") is None
    for name in ("quokka_model:absent", "no_such_module:x", "no such entry point"):
        with pytest.raises(NotFound):
            load_spotter(name)
