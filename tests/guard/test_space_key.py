from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import pytest

from allears.errors import NotAllowed, NotFound, Refused
from allears.guard.space_key import SpaceKey, make_key_file, read_key_file


def test_a_key_file_is_the_owners_only_and_reads_back(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        key = make_key_file(tmp_path / "space.key")
    finally:
        os.umask(old)
    assert (tmp_path / "space.key").stat().st_mode & 0o777 == 0o600
    assert read_key_file(tmp_path / "space.key") == key
    assert key != SpaceKey.new()
    assert hash(key) == hash(read_key_file(tmp_path / "space.key"))


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    make_key_file(tmp_path / "space.key")
    with pytest.raises(Refused, match="not overwritten"):
        make_key_file(tmp_path / "space.key")


def test_a_file_others_can_read_is_not_used(tmp_path: Path) -> None:
    make_key_file(tmp_path / "space.key")
    (tmp_path / "space.key").chmod(0o640)
    with pytest.raises(NotAllowed, match="chmod 600"):
        read_key_file(tmp_path / "space.key")


@pytest.mark.parametrize("text", [b"", b"allears-key-1 abc\n", b"\xff\xfe", b"allears-key-1 " + b"!" * 44])
def test_what_is_no_key_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "space.key"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(Refused):
        read_key_file(path)
    with pytest.raises(NotFound):
        read_key_file(tmp_path / "other.key")


def test_the_secret_shows_nowhere() -> None:
    secret = bytes(range(32))
    key = SpaceKey(secret)
    key.sub_key("wrap")
    for shown in (repr(key), str(key), f"{key}", key.fingerprint):
        assert secret.hex() not in shown and str(secret) not in shown
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(Refused):
            act(key)
    with pytest.raises(Refused):
        SpaceKey(b"short")


def test_sub_keys_are_fixed_for_ever() -> None:
    # A changed derivation would lose every space's data: these values must never change.
    key = SpaceKey(bytes(32))
    assert key.sub_key("wrap").hex() == KNOWN
    assert key.sub_key("wrap") != key.sub_key("wrap ")


KNOWN = "f5c1e770fbedc796f607980d0bc93493a05f2ac2dedcdc86faee5e57f5909575"
