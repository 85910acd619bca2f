from __future__ import annotations

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from allears.clock import SetClock
from allears.desk import Desk
from allears.desk.keys import DestroyedKey, SubjectKey
from allears.errors import Refused, WorldFailed
from allears.guard import key_ring
from allears.guard.space_key import SpaceKey
from allears.guard.vault import Vault

pytestmark = pytest.mark.both_desks


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["ann", "bob", "Ω|\x1f", ""]), st.none() | st.binary(max_size=200)),
        max_size=8,
    )
)
def test_what_is_sealed_opens_again(vault: Vault, rows: list[tuple[str, bytes | None]]) -> None:
    subjects, plain = [s for s, _ in rows], [p for _, p in rows]
    sealed = vault.seal(subjects, plain, "text")
    assert vault.open(subjects, sealed, "text") == plain
    assert [blob is None for blob in sealed] == [value is None for value in plain]


def test_a_sealed_value_shows_nothing_and_never_repeats(vault: Vault) -> None:
    one, two = vault.seal(["ann", "ann"], [b"canary-value", b"canary-value"], "text")
    assert one is not None and two is not None
    assert one != two
    assert b"canary" not in one


def test_any_changed_byte_is_refused(vault: Vault) -> None:
    (blob,) = vault.seal(["ann"], [b"hello"], "text")
    assert blob is not None
    for place in range(len(blob)):
        if place == 2:
            continue  # the generation's low byte: zero means an older, destroyed key, see below
        changed = bytearray(blob)
        changed[place] ^= 1
        with pytest.raises(Refused):
            vault.open(["ann"], [bytes(changed)], "text")
    older = bytearray(blob)
    older[2] ^= 1
    assert vault.open(["ann"], [bytes(older)], "text") == [None]
    for cut in (0, 1, 20, len(blob) - 1):
        with pytest.raises(Refused):
            vault.open(["ann"], [blob[:cut]], "text")


def test_a_value_cannot_be_moved_to_another_subject_field_or_tenant(
    desk: Desk, vault: Vault, key: SpaceKey
) -> None:
    blobs = vault.seal(["ann", "bob"], [b"hello", b"you"], "text")
    other = Vault(desk, key, "other")
    other.seal(["ann"], [b"x"], "text")
    for where, subject, field in ((vault, "bob", "text"), (vault, "ann", "name"), (other, "ann", "text")):
        with pytest.raises(Refused, match="changed or belongs elsewhere") as caught:
            where.open([subject], blobs[:1], field)
        assert "ann" not in str(caught.value) and "bob" not in str(caught.value)
    with pytest.raises(Refused, match="never had a key"):
        vault.open(["carl"], blobs[:1], "text")


def test_a_value_cannot_be_moved_to_another_row_of_the_same_subject(vault: Vault) -> None:
    one, two = vault.seal(["ann", "ann"], [b"hello", b"you"], "text", ["row1", "row2"])
    assert vault.open(["ann", "ann"], [one, two], "text", ["row1", "row2"]) == [b"hello", b"you"]
    for subject, row in (("ann", "row2"), ("ann", ""), ("ann", "row11"), ("annr", "ow1")):
        vault.seal([subject], [b"x"], "text")
        with pytest.raises(Refused, match="changed or belongs elsewhere"):
            vault.open([subject], [one], "text", [row])
    assert one is not None
    with pytest.raises(Refused, match="changed or belongs elsewhere"):  # nor by taking it for an unbound one
        vault.open(["ann"], [b"\x01" + one[1:]], "text")
    (unbound,) = vault.seal(["ann"], [b"before"], "text")
    assert vault.open(["ann"], [unbound], "text", ["row1"]) == [b"before"], "values of before still open"


def test_another_process_opens_it_with_the_same_space_key_only(
    desk: Desk, vault: Vault, key: SpaceKey
) -> None:
    sealed = vault.seal(["ann"], [b"hello"], "text")
    assert Vault(desk, SpaceKey(bytes(range(32))), "acme").open(["ann"], sealed, "text") == [b"hello"]
    with pytest.raises(Refused, match="not the space's key"):
        Vault(desk, SpaceKey.new(), "acme").open(["ann"], sealed, "text")


def test_a_wrapped_key_cannot_be_given_to_another_subject(desk: Desk, vault: Vault, key: SpaceKey) -> None:
    sealed = vault.seal(["ann", "bob"], [b"a", b"b"], "text")
    with desk.session() as session:
        ann, bob = session.scalars(select(SubjectKey).order_by(SubjectKey.subject))
        bob.wrapped = ann.wrapped
    with pytest.raises(Refused, match="wrapped key was changed"):
        Vault(desk, key, "acme").open(["bob"], sealed[1:], "text")


def test_after_destroying_old_values_are_gone_and_new_ones_have_a_new_key(
    desk: Desk, vault: Vault, key: SpaceKey, clock: SetClock
) -> None:
    other = Vault(desk, key, "acme")
    old = vault.seal(["ann", "bob"], [b"old", b"bob"], "text")
    assert other.open(["ann", "bob"], old, "text") == [b"old", b"bob"]  # now it remembers both keys
    assert vault.destroy(["ann", "ann", "nobody"]) == 1
    assert vault.destroy(["ann"]) == 0
    for one in (vault, other, Vault(desk, key, "acme")):
        assert one.open(["ann", "bob"], old, "text") == [None, b"bob"]
    new = other.seal(["ann"], [b"new"], "text")
    assert vault.open(["ann", "ann"], [old[0], new[0]], "text") == [None, b"new"]
    with desk.session() as session:
        rows = session.scalars(
            select(SubjectKey).where(SubjectKey.subject == "ann").order_by(SubjectKey.generation)
        ).all()
        gone = session.scalars(select(DestroyedKey)).all()
    assert [row.generation for row in rows] == [1, 2]
    assert [(row.key_id, row.destroyed_at) for row in gone] == [(rows[0].id, clock.now())]
    assert rows[0].fingerprint != rows[1].fingerprint


@pytest.mark.sqlite_alone
def test_destroyed_keys_are_found_nowhere_in_the_files(desk: Desk, vault: Vault, tmp_path: Path) -> None:
    subjects = [f"s{number * 7919 % 3000:05d}" for number in range(3000)]  # arrive in no order: pages split
    for start in range(0, len(subjects), 500):
        vault.seal(subjects[start : start + 500], [b"x"] * 500, "text")
    chosen = subjects[::97]
    with desk.session() as session:
        before = {s: w for s, w in session.execute(select(SubjectKey.subject, SubjectKey.wrapped))}  # noqa: C416
    in_files = b"".join(path.read_bytes() for path in tmp_path.glob("desk.db*"))
    assert all(wrapped in in_files for wrapped in before.values())
    for subject in chosen:
        assert vault.destroy([subject]) == 1
    in_files = b"".join(path.read_bytes() for path in tmp_path.glob("desk.db*"))
    for subject, wrapped in before.items():
        whole = wrapped in in_files
        assert whole == (subject not in chosen)
        if subject in chosen:
            assert wrapped[12:28] not in in_files  # not even a part of it


@pytest.mark.sqlite_alone
def test_a_long_reader_is_reported_and_the_log_can_be_cleared_later(
    desk: Desk, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "_SCRUB_SECONDS", 0.0)
    sealed = vault.seal(["ann"], [b"x"], "text")
    reader = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    reader.execute("begin")
    reader.execute("select * from subject_keys").fetchall()
    with pytest.raises(WorldFailed) as caught:
        vault.destroy(["ann"])
    assert caught.value.again
    reader.close()
    assert vault.open(["ann"], sealed, "text") == [None]
    vault.keys.scrub()
    assert (tmp_path / "desk.db-wal").stat().st_size == 0


@pytest.mark.sqlite_alone
def test_while_the_log_is_cleared_a_reader_may_write(desk: Desk, vault: Vault) -> None:
    vault.seal(["ann"], [b"x"], "text")
    with desk.reading() as session, ThreadPoolExecutor(1) as pool:
        assert session.scalar(select(SubjectKey.subject)) == "ann"
        clearing = pool.submit(vault.keys.scrub)
        with pytest.raises(TimeoutError):
            clearing.result(0.2)  # it waits for this reader, who now writes
        vault.seal(["bob"], [b"y"], "text")
        session.rollback()
        assert clearing.result() is None
    with desk.engine.connect() as connection:
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 15_000


def test_two_processes_making_a_key_at_once_agree(desk: Desk, key: SpaceKey) -> None:
    vaults = [Vault(desk, key, "acme") for _ in range(4)]
    subjects = [f"s{n}" for n in range(50)]
    sealed: list[list[bytes | None]] = [[] for _ in vaults]

    def work(place: int) -> None:
        sealed[place] = vaults[place].seal(subjects, [b"%d" % place] * 50, "text")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    fresh = Vault(desk, key, "acme")
    for place, blobs in enumerate(sealed):
        assert fresh.open(subjects, blobs, "text") == [b"%d" % place] * 50


def test_keys_that_were_forgotten_are_loaded_again(
    desk: Desk, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "REMEMBERED", 3)
    subjects = [f"s{n}" for n in range(10)]
    sealed = vault.seal(subjects, [b"x"] * 10, "text")
    assert vault.open(subjects, sealed, "text") == [b"x"] * 10
    assert vault.seal(subjects, [None] * 10, "text") == [None] * 10
    with desk.session() as session:
        assert len(session.scalars(select(SubjectKey)).all()) == 10


def test_digests_differ_by_purpose_tenant_and_key_and_are_stable(
    desk: Desk, vault: Vault, key: SpaceKey
) -> None:
    values = ["ada@example.com", "", "Ω\ud800"]
    digests = vault.digest("email", values)
    assert digests == vault.digest("email", values)
    assert all(len(d) == 32 and set(d) <= set("0123456789abcdef") for d in digests)
    others = [vault.digest("phone", values), Vault(desk, key, "b").digest("email", values)]
    others.append(Vault(desk, SpaceKey.new(), "acme").digest("email", values))
    assert len({d for many in (digests, *others) for d in many}) == 12


def test_space_seals_round_trip_and_are_bound_to_their_label(desk: Desk, vault: Vault, key: SpaceKey) -> None:
    frame = os.urandom(1000)
    sealed = vault.seal_space(frame, "inbox")
    assert frame not in sealed
    assert vault.open_space(sealed, "inbox") == frame
    assert vault.seal_space(frame, "inbox") != sealed
    for where, label, blob in (
        (vault, "refused", sealed),
        (Vault(desk, key, "b"), "inbox", sealed),
        (vault, "inbox", sealed[:-1]),
        (vault, "inbox", sealed[:1] + b"\x00" + sealed[2:-1] + b"\x00"),
        (vault, "inbox", b""),
        (vault, "inbox", b"\x02" + sealed[1:]),
    ):
        with pytest.raises(Refused):
            where.open_space(blob, label)


def test_a_space_value_opens_in_its_own_place_only(vault: Vault) -> None:
    sealed = vault.seal_space(b"secret", "hook", "zendesk")
    assert vault.open_space(sealed, "hook", "zendesk") == b"secret"
    for label, bound, blob in (
        ("hook", "slack", sealed),
        ("hook", "", sealed),
        ("pull", "zendesk", sealed),
        ("hook", "zendesk", b"\x01" + sealed[1:]),
        ("hook", "", b"\x01" + sealed[1:]),
    ):
        with pytest.raises(Refused):
            vault.open_space(blob, label, bound)
    before = vault.seal_space(b"secret", "hook")
    assert vault.open_space(before, "hook", "zendesk") == b"secret", "what was sealed before still opens"


def test_wrong_shapes_are_refused(desk: Desk, vault: Vault, key: SpaceKey) -> None:
    with pytest.raises(ValueError):
        vault.seal(["ann"], [], "text")
    for field in ("", "a\x1fb"):
        with pytest.raises(Refused):
            vault.seal(["ann"], [b"x"], field)
    for tenant in ("", "a\nb", "x" * 65):
        with pytest.raises(Refused):
            Vault(desk, key, tenant)
    assert "acme" in repr(vault)
