"""What staff write names nobody it is about: in small letters, unusual, announced by nothing, at every door that keeps such words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.journey.content import holders

from allears.act import issue as issue_desk
from allears.act.case import open_case
from allears.act.clocks import Clocks
from allears.clock import SetClock
from allears.errors import NotAllowed
from allears.guard.access import Principal, Role
from allears.journey import said
from allears.know.link import queue
from allears.space import Space
from allears.tables import TABLES

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAMES = ("qolvun", "yzzabren", "oxtrilde")
"""Of the three customers, each known by a mail address of that number."""
AGENT, OFFICER = Principal("user:ana", Role.AGENT), Principal("user:pia", Role.PRIVACY)
ANALYST = Principal("user:bo", Role.ANALYST)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with Space.open(tmp_path_factory.mktemp("said") / "s", clock=SetClock(NOW)) as made:
        folder = made.ground.folder
        (folder / "access.toml").write_text("[roles.agent]\nbreak_glass_minutes = 30\n")
        rows = [
            {"signal_id": f"m{n}", "text": "Parcel late again", "identifiers": {"email": f"p{n}@example.com"},
             "occurred_at": (NOW - timedelta(hours=2)).isoformat()}
            for n in range(len(NAMES))
        ]  # fmt: skip
        profiles = [
            {"kind": "profile", "signal_id": f"w{n}", "identifiers": {"email": f"p{n}@example.com"}, "personal": {"name": name}}
            for n, name in enumerate(NAMES)
        ]  # fmt: skip
        made.hear([*rows, *profiles], source="crm")
        made.digest(look=False)
        found = {
            "issue": "i1", "title": "parcels late", "kind": "issue", "topics": [], "facets": "{}", "terms": [], "exemplars": ["m0", "m1"],
            "signal_ids": ["m0", "m1", "m2"], "first_signal_at": NOW, "detected_at": NOW, "signals": 3, "customers": 3, "expected": 1.0,
            "growth": 2.0, "score": 1.0, "factors": "{}", "method": "test",
        }  # fmt: skip
        whose = {f"m{n}": made.customer(f"p{n}@example.com").id for n in range(len(NAMES))}
        issue_desk.record(made.ground.desk, TABLES["issues"].rows([found]), at=NOW, customers=whose)
        yield made


def _case(space: Space, *, issue: str | None = None, customer: str | None = None, key: str) -> str:
    with space.ground.desk.session() as session:
        made = open_case(
            session, key, "service", "P2", "late", Clocks.default(), NOW, issue=issue, customer=customer
        )
        assert made is not None
        return str(made.id)


def _pair(space: Space) -> int:
    left, right = (space.customer(f"p{n}@example.com").id for n in (0, 1))
    row = {
        "left": left,
        "right": right,
        "bits": 9.0,
        "why": [],
        "state": queue.WAITING,
        "method": "test",
        "found_at": NOW,
    }
    return queue.offer(space.ground.desk, [row])[0]


def _merge(space: Space, words: str) -> None:
    done = space.merge("p0@example.com", "p1@example.com", why=words)
    space.unmerge(done["act"])


def _refuse(space: Space, words: str) -> None:
    space.settle_link(_pair(space), same=False, why=words)
    _forget_who_is_kept_apart(space)


def _join(space: Space, words: str) -> None:
    space.unmerge(space.settle_link(_pair(space), same=True, why=words)["act"])
    _forget_who_is_kept_apart(space)


def _forget_who_is_kept_apart(space: Space) -> None:
    for act in space.merges():
        if act["did"] == "apart" and act["undone_at"] is None:
            space.unmerge(act["act"])


def _part(space: Space, words: str) -> None:
    seen = {"text": "we share a tablet", "identifiers": {"email": "p0@example.com", "device": "tablet-9"}}
    space.hear([seen], source="shop")
    space.digest(look=False)
    space.unmerge(space.part("p0@example.com", "tablet-9", why=words)["act"])


def _denied(space: Space, words: str) -> None:
    with pytest.raises(NotAllowed):
        space.break_glass("p0@example.com", why=words, principal=ANALYST)


def _see_original(space: Space, words: str) -> None:
    space.customer("p0@example.com").originals(OFFICER, words, ["crm:m0"])


def _see_original_in_vain(space: Space, words: str) -> None:
    with pytest.raises(NotAllowed):
        space.customer("p0@example.com").originals(ANALYST, words, ["crm:m0"])


def _case_of_a_customer(space: Space, words: str) -> None:
    case = _case(space, customer=space.customer("p0@example.com").id, key="one")
    space.move_case(case, "acknowledged", note=words)


def _request(space: Space, words: str) -> None:
    made = space.request("p0@example.com", "access", via=words[:64], note=words)
    space.check_asker(made, words)
    space.extend_request(made, why=words)
    space.close_request(made, words)


def _hold(space: Space, words: str) -> None:
    space.release(space.hold("p0@example.com", why=words))


def _words_of_a_file(space: Space, words: str) -> None:
    path = space.ground.folder.parent / "words.csv"
    path.write_text(
        f"email,purpose,state,said_at,how\np0@example.com,marketing,given,2026-05-01T12:00:00Z,{words}\n"
    )
    assert space.import_consent(path).new == 1


def _words_of_a_signal(space: Space, words: str) -> None:
    told = {"signal_id": "c1", "kind": "event", "name": "consent by +44 20 7946 0958, door words_of_a_signal", "channel": "web",
            "identifiers": {"email": "p0@example.com"}, "properties": {"consent": {"ad_storage": "granted"}}}  # fmt: skip
    space.hear([told], source="banner")
    space.digest(look=False)


def _erase_alone(space: Space, words: str) -> None:
    nobody = [f"nobody{n}@example.com" for n in range(space.settings.guard.four_eyes_above)]
    space.require_second_to_erase(["p0@example.com", *nobody], alone=words)


DOORS: dict[str, Callable[[Space, str], object]] = {
    "merge": _merge,
    "part": _part,
    "link_refused": _refuse,
    "link_joined": _join,
    "link_told": lambda space, words: space.link_told(_pair(space), OFFICER, words),
    "glass": lambda space, words: space.break_glass("p0@example.com", why=words, principal=AGENT),
    "glass_denied": _denied,
    "original": _see_original,
    "original_denied": _see_original_in_vain,
    "case_of_a_customer": _case_of_a_customer,
    "case_of_an_issue": lambda space, words: space.move_case(
        _case(space, issue="i1", key="two"), "acknowledged", note=words
    ),
    "share": lambda space, words: space.share("i1", "post", title=words),
    "erasure_asked": lambda space, words: space.ask_erasure([space.customer("p0@example.com").id], why=words),
    "erasure_asked_by_mail": lambda space, words: space.ask_erasure(["p0@example.com"], why=words),
    "erasure_alone": _erase_alone,
    "rectification": lambda space, words: space.rectify(
        "p0@example.com", "name", right="vundeqo", why=f"{words} or vundeqo"
    ),
    "request": _request,
    "hold": _hold,
    "restriction": lambda space, words: space.lift(space.restrict("p0@example.com", why=words), told=words),
    "words_by_hand": lambda space, words: space.note_consent(
        "p0@example.com", "marketing", "given", why=words
    ),
    "words_of_a_file": _words_of_a_file,
    "words_of_a_signal": _words_of_a_signal,
}
BOTH = {"merge", "link_refused", "link_joined", "link_told", "case_of_an_issue", "share"}
"""Doors of acts about two customers."""


def _left(folder: Path, name: str) -> list[str]:
    return [path for path in holders(folder, name.encode()) if "words.csv" not in path]


@pytest.mark.parametrize("door", DOORS)
def test_an_unusual_name_is_kept_by_no_door(space: Space, door: str) -> None:
    about = " and ".join(NAMES[:2]) if door in BOTH else NAMES[0]
    DOORS[door](space, f"door {door}: {about} came by")
    folder = space.ground.folder
    assert holders(folder, f"door {door}".encode()), "the words are kept"
    assert [n for n in (*NAMES, "vundeqo", "20 7946 0958") if _left(folder, n)] == []


def test_a_name_that_was_struck_out_is_still_found(space: Space) -> None:
    space.rectify("p2@example.com", "name", wrong="oxtrilde", right="mebbuz", why="misheard on the phone")
    customer = space.customer("p2@example.com").id
    text = said.clean(space.ground, "oxtrilde, now mebbuz", [customer])
    assert text == "<NAME_1>, now <NAME_2>"


def test_words_about_many_are_each_cleaned_of_their_own(space: Space) -> None:
    one, other = (space.customer(f"p{n}@example.com").id for n in (0, 1))
    texts = ["qolvun met yzzabren", "", "qolvun met yzzabren"]
    assert said.clean_each(space.ground, texts, [[one], [one], [other]]) == [
        "<NAME_1> met yzzabren",
        "",
        "qolvun met <NAME_1>",
    ]


def test_words_about_somebody_known_by_another_key_since_are_cleaned(space: Space) -> None:
    before = [space.customer(f"p{n}@example.com").id for n in (0, 1)]
    done = space.merge(*before, why="one and the same")
    assert said.clean(space.ground, "qolvun or yzzabren", before[:1]) == "<NAME_1> or <NAME_2>"
    assert said.clean(space.ground, "qolvun or yzzabren", before[1:]) == "<NAME_1> or <NAME_2>"
    space.unmerge(done["act"])


def test_nothing_of_a_name_is_left_after_erasing(tmp_path: Path) -> None:
    with Space.open(tmp_path / "s", clock=SetClock(NOW)) as made:
        told = {"kind": "profile", "identifiers": {"email": "p0@example.com"}, "personal": {"name": "qolvun"}}
        made.hear([told], source="crm")
        made.digest(look=False)
        case = _case(made, customer=made.customer("p0@example.com").id, key="one")
        made.move_case(case, "acknowledged", note="door case: qolvun came by")
        made.hold("p0@example.com", why="door hold: qolvun came by")
        made.release(made.holds()[0]["hold"])
        made.erase("p0@example.com", why="door erasing: qolvun wants it")
        folder = made.ground.folder
        assert holders(folder, b"door case") and holders(folder, b"door erasing")
        assert holders(folder, b"qolvun") == []
