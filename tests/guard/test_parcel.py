"""A parcel opens for its person alone, with other people's tools, and shows when it was changed."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest
from tests.parcels import open_parcel

from allears.errors import Refused
from allears.guard.heads import Signer
from allears.guard.parcel import MANIFEST, pack, seal_for, sound_parcel

AT = datetime(2026, 3, 2, tzinfo=UTC)
SIGNER = Signer(bytes(32), "acme")
FILES = {"your-data.json": b"{}", "your-data.html": b"<p>"}


def changed(parcel: bytes, name: str, content: bytes | None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(parcel)) as old, zipfile.ZipFile(out, "w") as new:
        for held in {*old.namelist(), name}:
            kept = content if held == name else old.read(held)
            if kept is not None:
                new.writestr(held, kept)
    return out.getvalue()


def test_a_changed_added_or_missing_file_shows() -> None:
    parcel = pack(FILES, SIGNER, AT)
    assert sound_parcel(parcel, SIGNER.public)
    assert not sound_parcel(parcel, Signer(b"1" * 32, "acme").public)
    for name, content in (
        ("your-data.json", b"[]"),
        ("more", b"x"),
        ("your-data.html", None),
        (MANIFEST, b"{}"),
    ):
        assert not sound_parcel(changed(parcel, name, content), SIGNER.public)
    assert not sound_parcel(b"no zip", SIGNER.public)


def test_under_a_passphrase_it_opens_for_who_has_it() -> None:
    sealed, words = seal_for(b"secret")
    assert words and open_parcel(sealed, words) == b"secret" and b"secret" not in sealed
    assert seal_for(b"secret")[1] != words
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(sealed, words + "x")


def test_for_a_public_key_it_opens_with_the_tool_that_others_use(tmp_path: Path) -> None:
    age, keygen = shutil.which("age"), shutil.which("age-keygen")
    if age is None or keygen is None:
        pytest.skip("age is not installed")
    identity = tmp_path / "key.txt"
    subprocess.run([keygen, "-o", identity], check=True, capture_output=True)
    public = identity.read_text().partition("public key: ")[2].split()[0]
    (tmp_path / "parcel.age").write_bytes(seal_for(pack(FILES, SIGNER, AT), public)[0])
    opened = subprocess.run(
        [age, "-d", "-i", identity, tmp_path / "parcel.age"], check=True, capture_output=True
    ).stdout
    assert sound_parcel(opened, SIGNER.public)


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="public key"):
        seal_for(b"x", "age1nonsense")
