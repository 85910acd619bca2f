"""Keys are renewed layer by layer, while the space is served, and kill -9 in the middle leaves nothing in between."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from allears.desk.hooks import Hook
from allears.desk.keys import SpaceSecret, SubjectKey
from allears.desk.listening import RefusedRow
from allears.errors import NotReady, Refused
from allears.guard.access import Principal, Role
from allears.guard.handover import handed_over
from allears.guard.proof import check
from allears.guard.space_key import read_key_file
from allears.guard.vault import Vault
from allears.journey import backup, renewing, restoring
from allears.journey.hooks import find_hook
from allears.journey.refused import reveal
from allears.settings import DeskSettings, Settings, SpaceSettings
from allears.space import Space

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 12
WHO = Principal("user:pia", Role.PRIVACY)


def say(space: Space, people: range, words: str) -> None:
    rows = [
        {
            "signal_id": f"{words}{n}",
            "text": f"{words} {n}: write to p{n}@example.com",
            "identifiers": {"email": f"p{n}@example.com"},
        }
        for n in people
    ]
    space.hear(rows, source="chat")
    space.digest(look=False)


def original(space: Space, n: int, words: str) -> str:
    opened = space.customer(f"p{n}@example.com").originals(WHO, "checking", [f"chat:{words}{n}"])
    found = opened[f"chat:{words}{n}"]
    assert found is not None
    return str(found["text"])


def fill(folder: Path, desk: str = "") -> None:
    settings = Settings(space=SpaceSettings(name="space"), desk=DeskSettings(url=desk)) if desk else None
    with Space.open(folder, settings=settings) as space:
        say(space, range(PEOPLE), "before")
        space.add_channel("zen", "zendesk", "the secret of the channel")
        space.take("signals", b'[{"text": 5, "name": "cut"}]', source="broken")
        space.add_destination("d", "https://example.com/", kind="webhook")
        space.outbox.put("issue.opened", {"id": "i1"}, ["d"])
        space.hear(
            [{"text": "waits in the inbox", "identifiers": {"email": "late@example.com"}}], source="chat"
        )


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "space"
    fill(folder)
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A space on either desk: the database is another process's, which is not shot along."""
    if request.param == "sqlite":
        return shutil.copytree(request.getfixturevalue("filled"), tmp_path / "space")
    fill(tmp_path / "space", request.getfixturevalue("migrated")())
    return tmp_path / "space"


@pytest.fixture
def space(folder: Path) -> Iterator[Space]:
    with Space.open(folder) as opened:
        yield opened


def everything_opens(space: Space) -> None:
    for n in (0, PEOPLE - 1):
        assert original(space, n, "before").startswith(f"before {n}")
    assert find_hook(space.ground, "zen").secret == "the secret of the channel"
    (row,) = space.refused()
    assert "cut" in str(reveal(space.ground, WHO, row["refused"], "checking")["payload"])
    ground = space.ground
    with ground.desk.reading() as session:
        from allears.desk.work import Delivery

        one = session.scalars(select(Delivery)).one()
        assert "i1" in ground._open_delivery(one.payload, f"{one.event_id}/{one.destination}")
    assert space.verify_audit().ok


def wrapped(space: Space) -> dict[int, bytes]:
    with space.ground.desk.reading() as session:
        return {row.id: row.wrapped for row in session.scalars(select(SubjectKey))}


def test_a_new_space_key_brings_everything_under_new_secrets_while_others_serve(
    space: Space, tmp_path: Path
) -> None:
    folder = tmp_path / "space"
    old, before = read_key_file(folder / "space.key"), wrapped(space)
    customer = space.customer("p3@example.com").id
    with space.ground.desk.reading() as session:
        secret = session.scalars(select(Hook.secret)).one()
    with Space.open(folder) as serving:
        assert original(serving, 1, "before")
        done = renewing.renew_space(space.ground, actor="test")
        assert (done.customers, done.values, done.resumed) == (PEOPLE + 0, 4, False)
        # The other process never heard of it, and goes on: reading, writing, making keys.
        assert original(serving, 5, "before").startswith("before 5")
        say(serving, range(PEOPLE, PEOPLE + 3), "between")
        everything_opens(serving)
    everything_opens(space)
    assert original(space, PEOPLE, "between").startswith("between")
    new = read_key_file(folder / "space.key")
    assert new != old and new.fingerprint == done.fingerprint
    after = wrapped(space)
    assert all(after[row] != before[row] and len(after[row]) == 60 for row in before)
    with pytest.raises(Refused, match="not the space's key"):
        Vault(space.ground.desk, old, space.name).open(["x"], [b"\x01" * 60], "text")
    with space.ground.desk.reading() as session:
        assert session.scalars(select(Hook.secret)).one() != secret
        assert {row.under for row in session.scalars(select(SpaceSecret))} == {new.fingerprint}
    with Space.open(folder) as again:
        assert again.customer("p3@example.com").id == customer, "who is who does not change"
        everything_opens(again)
        again.digest(look=False)
        assert again.customer("late@example.com"), "what waited in the inbox"


def test_renewing_twice_drops_what_nothing_lies_under(space: Space) -> None:
    for version in (1, 2):
        assert renewing.renew_space(space.ground, actor="test").version == version
    with space.ground.desk.reading() as session:
        kept = {(row.layer, row.version) for row in session.scalars(select(SpaceSecret))}
    assert kept == {("root", 1), ("wrap", 2), ("space", 1), ("space", 2)}
    everything_opens(space)


def test_each_customer_gets_a_new_key_and_old_ones_stay_readable_until_erased(space: Space) -> None:
    with Space.open(space.ground.folder) as serving:
        assert original(serving, 2, "before")
        done = renewing.renew_customers(space.ground, actor="test")
        assert done.customers == PEOPLE
        say(serving, range(4), "after")
        with space.ground.desk.reading() as session:
            newest = max(session.scalars(select(SubjectKey.generation)))
        row = serving.ground.engine.query(
            "SELECT sealed, customer_key FROM signals WHERE signal_id = 'chat:after2'"
        ).to_pylist()[0]
        sealed, subject = row["sealed"], row["customer_key"]
        assert newest == 2 and sealed[1:3] == b"\x00\x02", "new data lies under the new key"
        for one in (space, serving):
            assert original(one, 2, "before") and original(one, 2, "after")
    space.erase("p2@example.com")
    assert space.ground.vault.open([subject], [sealed], "signals.sealed", ["chat:after2"]) == [None]
    with space.ground.desk.reading() as session:
        keys = list(session.scalars(select(SubjectKey.wrapped).where(SubjectKey.subject == subject)))
    assert keys == [bytes(60)] * 2, "both are destroyed"
    living = PEOPLE - 1 + 1  # one was erased, one waited in the inbox
    assert renewing.renew_customers(space.ground, actor="test").customers == living
    assert original(space, 1, "after") and original(space, 1, "before")


def test_a_new_signing_key_is_vouched_for_by_the_old_one(space: Space) -> None:
    log = space.ground.audit
    first = space.sign_audit()
    assert first is not None
    old_key = log.signer.public
    with Space.open(space.ground.folder) as serving:
        made = renewing.renew_signing(space.ground, actor="test")
        assert handed_over(made) and made.old == old_key and made.new == log.signer.public != old_key
        serving.ground.audit.record("user:ana", "look", "someone")
        later = serving.ground.audit.sign()
        assert later is not None and space.verify_audit().ok
    grown = log.prove_growth(first)
    for key in (old_key, made.new):
        assert check(grown, key), "who knows the old key, or the new one"
        assert check(log.prove(1), key)
    # Whoever got hold of the old key signs nothing new with it.
    stale = log._signer(0).sign(later.size, bytes.fromhex(later.root), later.at)
    import msgspec

    assert not check(msgspec.structs.replace(grown, head=stale), made.new)
    assert not check(msgspec.structs.replace(grown, head=stale), old_key)
    with space.ground.desk.session() as session:
        from allears.desk.audit import AuditHead

        session.get_one(AuditHead, later.size).signature = bytes.fromhex(stale.signature)
    assert not space.verify_audit().ok


PLACES = ("before the secrets", "before the file", "step 3", "before the end")


@pytest.mark.parametrize("place", PLACES)
def test_a_renewal_of_the_space_that_was_killed_is_finished_by_the_next(folder: Path, place: str) -> None:
    old = read_key_file(folder / "space.key")
    with Space.open(folder) as serving:
        assert original(serving, 1, "before")
        killed(folder, "space", place)
        everything_opens(serving)
        say(serving, range(PEOPLE, PEOPLE + 1), "between")
    with Space.open(folder) as space:
        everything_opens(space)
        done = renewing.renew_space(space.ground, actor="test")
        assert done.resumed == (place != "before the secrets") and done.version == 1
        everything_opens(space)
        assert original(space, PEOPLE, "between")
    assert read_key_file(folder / "space.key") != old
    assert not (folder / "space.key.next").exists()
    with Space.open(folder) as space:
        everything_opens(space)
        assert all(one["done"] for one in renewing.ages(space.ground))


def test_a_renewal_of_customers_that_was_killed_is_finished_by_the_next(folder: Path) -> None:
    killed(folder, "customers", "step 1")
    with Space.open(folder) as space:
        everything_opens(space)
        assert renewing.renew_customers(space.ground, actor="test").resumed
        with space.ground.desk.reading() as session:
            generations = list(session.scalars(select(SubjectKey.generation)))
        assert sorted(generations) == [1] * PEOPLE + [2] * PEOPLE, "nobody got two"
        everything_opens(space)


def killed(folder: Path, layer: str, place: str) -> None:
    words = [sys.executable, "-m", "tests.journey.renewer", str(folder), layer, place]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


def test_a_backup_of_before_opens_with_the_key_of_before(space: Space, tmp_path: Path) -> None:
    folder = tmp_path / "space"
    (tmp_path / "old.key").write_bytes((folder / "space.key").read_bytes())
    (tmp_path / "old.key").chmod(0o600)
    backup.backup(space.ground, tmp_path / "one")
    with renewing.key_stays(space.ground), pytest.raises(NotReady):
        renewing.renew_space(space.ground, actor="test")
    renewing.renew_space(space.ground, actor="test")
    backup.backup(space.ground, tmp_path / "two")
    with pytest.raises(Refused):
        backup.check(tmp_path / "one", folder / "space.key")
    for name, key in (("one", tmp_path / "old.key"), ("two", folder / "space.key")):
        restoring.restore(tmp_path / name, tmp_path / f"again-{name}", key, [])
        with Space.open(tmp_path / f"again-{name}") as again:
            assert original(again, 3, "before")
    with space.ground.desk.reading() as session:
        assert session.scalars(select(RefusedRow)).one().payload[0] == 3
