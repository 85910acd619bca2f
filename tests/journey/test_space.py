"""The journey as a whole: from doors to answers, in one small space."""

from __future__ import annotations

import email.message
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.shapes import ISSUE, TRUST, check, check_demo

from allears.act.issue import close, rename
from allears.clock import SetClock
from allears.desk.work import Issue
from allears.errors import NotFound, Refused
from allears.guard.access import Principal, Role
from allears.guard.receipt import verify_receipt
from allears.settings import ListenSettings, Settings, SpaceSettings
from allears.space import Space

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CANARIES = (
    "canary.ada@example.com",
    "+442071838750",
    "4111111111111111",
    "Zebedee Quartermain",
    "zq_canary_handle",
    "GB82WEST12345698765432",
)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with Space.open(tmp_path / "acme", clock=SetClock(NOW)) as opened:
        yield opened


def clock(space: Space) -> SetClock:
    found = space.ground.clock
    assert isinstance(found, SetClock)
    return found


def speak(space: Space, text: str, number: int = 0, **more: object) -> None:
    row = {
        "signal_id": f"s{number}",
        "text": text,
        "channel": "chat",
        "occurred_at": space.now().isoformat(),
        "identifiers": {"email": "ada@example.com"},
    }
    space.hear([row | more], source="chat")


def plant(space: Space) -> None:
    mail, phone, card, name, handle, iban = CANARIES
    text = f"I am {name}, write to {mail} or call {phone}, card {card}, account {iban}, I am @{handle}"
    track = {"type": "identify", "userId": "u1", "anonymousId": "a1", "messageId": "i1", "timestamp": NOW.isoformat(),
             "traits": {"email": mail, "phone": phone, "name": name, "handle": handle}}  # fmt: skip
    space.take("segment", json.dumps({"batch": [track]}).encode(), source="shop")
    speak(space, text, 1, identifiers={"email": mail, "handle": handle}, properties={"note": text})
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = f"{name} <{mail}>", "help@acme.example", "My account"
    message["Date"], message["Message-ID"] = "Mon, 01 Jun 2026 10:00:00 +0000", "<1@example.com>"
    message.set_content(text)
    space.take("mail", message.as_bytes(), source="mailbox")
    rows = json.dumps(
        {"id": 7, "created_at": NOW.isoformat(), "body": text, "requester": {"name": name, "email": mail}}
    ).encode()
    space.take("rows", rows, source="helpdesk")
    with pytest.raises(Refused):
        space.take("rows", b'{"id": 8, "body": "' + mail.encode(), source="broken")


def clear_text(folder: Path) -> list[str]:
    """Which canaries stand in clear in any byte below a folder."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found += [f"{canary} in {path.name}" for canary in CANARIES if canary.encode() in data]
    return found


def test_no_personal_value_lies_in_clear_on_the_disk(space: Space) -> None:
    plant(space)
    assert clear_text(space.ground.folder) == [], "while it waits in the inbox"
    space.digest()
    assert clear_text(space.ground.folder) == [], "after the digest"


def test_texts_are_redacted_and_originals_open_only_with_a_right_and_a_reason(space: Space) -> None:
    plant(space)
    space.digest(look=False)
    texts = space.ground.engine.query("SELECT text FROM signals WHERE text IS NOT NULL")["text"].to_pylist()
    assert len(texts) == 3
    assert not [c for c in CANARIES for t in texts if c in t]
    person = space.customer("canary.ada@example.com")
    ids = person.timeline()["signal_id"].to_pylist()
    with pytest.raises(Exception, match="may not"):
        person.originals(Principal("user:x", Role.ANALYST), "curious", ids)
    with pytest.raises(Refused):
        person.originals(Principal("user:x", Role.PRIVACY), "", ids)
    opened = person.originals(Principal("user:x", Role.PRIVACY), "asked for a copy", ids)
    assert any("Zebedee Quartermain" in (o or {}).get("text", "") for o in opened.values())
    assert space.ground.audit.verify().ok
    assert any(e.action == "open_sealed" for e in space.ground.audit.entries(20))


def test_an_original_that_was_moved_to_another_row_does_not_open(space: Space) -> None:
    plant(space)
    speak(space, "and another one", 9, identifiers={"email": CANARIES[0]})
    space.digest(look=False)
    person = space.customer(CANARIES[0])
    rows = space.ground.engine.query(
        "SELECT signal_id, customer_key, sealed FROM signals WHERE sealed IS NOT NULL ORDER BY signal_id"
    ).to_pylist()
    one, two = [r for r in rows if r["customer_key"] == person.id][:2]
    vault = space.ground.vault
    for subject, field, row in (
        (person.id, "signals.sealed", two["signal_id"]),
        (person.id, "signals.sealed", ""),
        (person.id, "profile", one["signal_id"]),
    ):
        with pytest.raises(Refused, match="belongs elsewhere"):
            vault.open([subject], [one["sealed"]], field, [row])
    assert vault.open([person.id], [one["sealed"]], "signals.sealed", [one["signal_id"]]) != [None]


def test_what_staff_write_is_kept_without_addresses(space: Space) -> None:
    clear = "wrote from canary.staff@example.com"
    issue = Issue(id="i1", title="late", detected_at=NOW)
    with space.ground.desk.session() as session:
        session.add(issue)
    space.acknowledge("i1")
    close(space.ground.desk, "i1", "user:ana", NOW, clear)
    rename(space.ground.desk, "i1", f"Late, {clear}", "user:ana", NOW)
    speak(space, "hello")
    space.digest(look=False)
    space.erase("ada@example.com", why=clear)
    assert not [
        path
        for path in space.ground.folder.rglob("*")
        if path.is_file() and b"canary.staff" in path.read_bytes()
    ]


def test_after_erasure_nothing_opens_and_nobody_is_found(space: Space) -> None:
    plant(space)
    space.digest(look=False)
    person = space.customer("canary.ada@example.com")
    ids = person.timeline()["signal_id"].to_pylist()
    receipt = space.erase("canary.ada@example.com")
    assert verify_receipt(receipt.json(), space.ground.audit.signer.public).receipt == "erasure"
    opened = person.originals(Principal("user:x", Role.PRIVACY), "proof", ids)
    assert not any(opened.values())
    with pytest.raises(NotFound):
        space.customer("canary.ada@example.com")
    assert space.ground.engine.query("SELECT count(*) AS n FROM signals")["n"].to_pylist() == [4], (
        "what was counted stays counted"
    )


def test_one_person_over_all_channels_is_one_customer(space: Space) -> None:
    plant(space)
    space.digest(look=False)
    assert {space.customer(c).id for c in (CANARIES[0], CANARIES[1], "u1")} == {space.customer("a1").id}
    assert set(space.customer("u1").timeline()["channel"].to_pylist()) >= {"chat", "email"}


def test_a_crash_between_the_lake_and_the_inbox_repeats_nothing(space: Space) -> None:
    speak(space, "the parcel is late", 1)
    digester = space.digester
    digester._tidy = lambda batch: None  # type: ignore[method-assign, assignment]
    assert digester.step() is not None
    folder = space.ground.folder
    space.close()
    with Space.open(folder, clock=SetClock(NOW)) as again:
        assert again.digest(look=False)["stored"] == 0
        assert again.ground.engine.query("SELECT count(*) AS n FROM signals")["n"].to_pylist() == [1]
        assert again.status()["pending"] == 0


def test_a_retry_after_a_restart_is_a_duplicate(space: Space) -> None:
    speak(space, "the parcel is late", 1)
    space.digest(look=False)
    folder = space.ground.folder
    space.close()
    with Space.open(folder, clock=SetClock(NOW + timedelta(days=1))) as again:
        speak(again, "the parcel is late", 1)
        assert again.digest(look=False)["duplicates"] == 1


def test_refused_rows_are_replayed_once_their_reason_is_gone(space: Space, tmp_path: Path) -> None:
    batch = {"batch": [{"type": "track", "event": "Viewed", "messageId": "1", "timestamp": NOW.isoformat()}]}
    with_nobody = json.dumps(batch).encode()
    receipt = space.take("segment", with_nobody, source="shop")
    assert (receipt.accepted, receipt.refused) == (0, 1)
    assert space.replay().accepted == 0
    assert len(space.refused()) == 1


def test_a_shared_mapping_is_kept_for_a_source(space: Space) -> None:
    row = {
        "nr": 1,
        "when": "2026-06-01T10:00:00Z",
        "said": "the delivery was very late and nobody told me",
        "who": "ada@example.com",
    }
    space.take("rows", json.dumps(row).encode(), source="crm")
    folder = space.ground.folder
    space.close()
    with Space.open(folder, clock=SetClock(NOW)) as again:
        again.take(
            "rows", json.dumps(row | {"nr": 2, "said": "now it came, thank you"}).encode(), source="crm"
        )
        assert again.digest(look=False)["stored"] == 2
        assert again.ground.engine.query("SELECT count(text) AS n FROM signals")["n"].to_pylist() == [2]


def test_a_handle_of_a_known_customer_is_hidden_in_what_others_write(space: Space) -> None:
    speak(space, "hello from me", 1, identifiers={"handle": "rosa_writes"})
    space.digest(look=False)
    text = "I saw @rosa_writes and @the_brand there"
    row = {"signal_id": "s2", "text": text, "channel": "chat", "identifiers": {"handle": "tom"}}
    space.hear([row], source="elsewhere")
    space.digest(look=False)
    text = space.ground.engine.query("SELECT text FROM signals WHERE signal_id = 'elsewhere:s2'")["text"][
        0
    ].as_py()
    assert "rosa_writes" not in text
    assert "@the_brand" in text


def test_sources_share_handles_only_when_they_share_a_network(tmp_path: Path) -> None:
    rows = "id,text,username,created_at\n" + "".join(
        f"{n},the parcel number {n} came late again,ada_{n % 3},2026-05-0{n % 9 + 1}T10:00:00Z\n"
        for n in range(20)
    )
    (tmp_path / "a.csv").write_text(rows)
    settings = Settings(space=SpaceSettings(name="acme"), listen=ListenSettings(networks={"helpers": "town"}))
    with Space.open(tmp_path / "acme", clock=SetClock(NOW), settings=settings) as space:
        for source, network in (("forum", None), ("talk", None), ("helpers", None), ("town-hall", "town")):
            space.listen(tmp_path / "a.csv", source=source, network=network)
        space.digest(look=False)
        keys = space.ground.engine.query(
            "SELECT source, list(DISTINCT customer_key) AS who FROM signals GROUP BY source"
        ).to_pylist()
        who = {row["source"]: set(row["who"]) for row in keys}
        assert {len(found) for found in who.values()} == {3}
        assert who["helpers"] == who["town-hall"]
        assert not who["forum"] & who["talk"] and not who["forum"] & who["town-hall"]


def test_taught_topics_and_sentiment_are_used_from_the_next_message_on(space: Space, tmp_path: Path) -> None:
    examples = tmp_path / "topics.csv"
    wording = (
        "gift wrap please",
        "can you wrap it as a gift",
        "is gift wrapping possible",
        "the gift wrap was torn",
    )
    examples.write_text("text,topic\n" + "".join(f"{w},Gift wrap\n" for w in wording), "utf-8")
    assert space.teach_topics(examples)["topic"].to_pylist() == ["my/gift-wrap"]
    speak(space, "do you offer gift wrapping", 1)
    space.digest(look=False)
    assert "my/gift-wrap" in space.ground.engine.query("SELECT topics FROM signals")["topics"][0].as_py()


def test_a_demo_in_small_goes_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from allears.testing import life

    told: list[str] = []

    class Guarded(life.Town):
        """A town that tells its truth to nobody before the watch has ended."""

        def __getattribute__(self, name: str) -> Any:
            assert told or not hidden or name not in ("truth", "describe")
            return super().__getattribute__(name)

    def compare(*given: Any) -> dict[str, Any]:
        told.append("the watch has ended")
        return outcome_of(*given)

    hidden: list[bool] = []
    outcome_of, listen = life._outcome, life._listen

    def hear(*given: Any) -> None:
        hidden.append(True)
        listen(*given)

    monkeypatch.setattr(life, "Town", Guarded)
    monkeypatch.setattr(life, "_outcome", compare)
    monkeypatch.setattr(life, "_listen", hear)
    outcome, space = life.live_through(tmp_path / "town", seed=3, days=60, customers=1500)
    with space:
        assert hidden and told
        assert outcome["simulated"] is True
        assert outcome["identity"]["precision"] > 0.98
        assert outcome["redaction"]["recall"] > 0.9
        status = space.status()
        assert status["pending"] == status["refused"] == 0
        assert space.pulse()["week"]["messages"] > 0
        assert {r["part"] for r in space.trust().to_pylist()} >= {"stated", "behavioural", "composite"}
        for row in space.trust().to_pylist():
            assert row["estimate"] is None or row["low"] <= row["estimate"] <= row["high"]
        assert space.forecast().num_rows == 7 * 24
        as_printed = json.loads(msgspec.json.encode(outcome, enc_hook=str))
        check_demo(as_printed)
        for issue in space.issues():
            check(issue, ISSUE)
        for row in space.trust().to_pylist():
            check(row, TRUST)
