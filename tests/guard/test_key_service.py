"""The space's key held elsewhere: in the environment, by AWS KMS (moto's server), by a transit engine of the documented shape."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Theirs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.serving import moto

from allears.errors import AllearsError, NotAllowed, NotFound, Refused, WorldFailed
from allears.guard import key_service
from allears.guard.key_file import make_key, read_key, source_of
from allears.guard.sigv4 import Credentials, sign_v4
from allears.guard.space_key import SpaceKey
from allears.journey import renewing
from allears.space import Space


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """Loaded machines answer late; how long is too long has a test of its own."""
    usual, key_service.SECONDS = key_service.SECONDS, 30.0
    yield
    key_service.SECONDS = usual


AWS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}
VAULT = {"VAULT_TOKEN": "let-me-in"}


@pytest.fixture(scope="module")
def kms() -> Iterator[str]:
    """AWS KMS as moto serves it, with one key: what ``--key`` takes."""
    with moto() as address:
        url = f"http://{address}"
        service = key_service.service_of("aws-kms", "x", {"endpoint": url}, AWS)
        made = service._call("CreateKey", {})  # type: ignore[attr-defined]
        yield f"aws-kms:{made['KeyMetadata']['KeyId']}?region=eu-central-1&endpoint={url}"


class Transit(BaseHTTPRequestHandler):
    """Two endpoints of Vault's transit engine, as its API documentation describes them."""

    key = os.urandom(32)
    answers: int | None = None
    slow = 0.0

    def do_POST(self) -> None:
        time.sleep(self.slow)
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        about = base64.b64decode(asked.get("associated_data", ""))
        if self.answers is not None:
            return self._say(self.answers, {"errors": ["internal error"]})
        if self.headers["x-vault-token"] != VAULT["VAULT_TOKEN"]:
            return self._say(403, {"errors": ["permission denied"]})
        if self.path == "/v1/transit/datakey/plaintext/allears":
            plain, nonce = os.urandom(32), os.urandom(12)
            sealed = (
                "vault:v1:" + base64.b64encode(nonce + AESGCM(self.key).encrypt(nonce, plain, about)).decode()
            )
            return self._say(
                200,
                {
                    "data": {
                        "plaintext": base64.b64encode(plain).decode(),
                        "ciphertext": sealed,
                        "key_version": 1,
                    }
                },
            )
        if self.path == "/v1/transit/decrypt/allears":
            raw = base64.b64decode(asked["ciphertext"].removeprefix("vault:v1:"))
            try:
                plain = AESGCM(self.key).decrypt(raw[:12], raw[12:], about)
            except InvalidTag:
                return self._say(400, {"errors": ["cipher: message authentication failed"]})
            return self._say(200, {"data": {"plaintext": base64.b64encode(plain).decode()}})
        return self._say(404, {"errors": []})

    def _say(self, status: int, told: Any) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # who asked may have given up
            self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def transit() -> Iterator[str]:
    Transit.answers, Transit.slow = None, 0.0
    with ThreadingHTTPServer(("127.0.0.1", 0), Transit) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"vault:allears?address=http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_requests_are_signed_as_botocore_signs_them() -> None:
    url, body = "https://kms.eu-central-1.amazonaws.com/", b'{"KeyId":"k"}'
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "TrentService.Decrypt"}
    for token in ("", "a-token"):
        theirs = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
        SigV4Auth(Theirs("AKID", "a secret", token or None), "kms", "eu-central-1").add_auth(theirs)
        at = datetime.strptime(theirs.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        ours = sign_v4(
            url,
            headers,
            body,
            Credentials("AKID", "a secret", token),
            region="eu-central-1",
            service="kms",
            at=at,
        )
        assert ours["authorization"] == theirs.headers["Authorization"]
    assert "secret" not in repr(Credentials("AKID", "a secret"))


def test_aws_kms_makes_a_key_and_opens_it_again(kms: str, tmp_path: Path) -> None:
    path = tmp_path / "space.key"
    key = make_key(path, kms, AWS, "acme")
    assert read_key(path, AWS) == key
    assert source_of(path).startswith("aws-kms:") and path.stat().st_mode & 0o077 == 0
    held = path.read_bytes()
    for form in (key.export(), base64.b64encode(key.export()), base64.urlsafe_b64encode(key.export())):
        assert form not in held
    with pytest.raises(NotFound, match="no such variable"):
        read_key(path, {})
    for was, now, kind in (
        (b'"tenant":"acme"', b'"tenant":"acne"', AllearsError),  # bound to the space
        (b'"wrapped":"', b'"wrapped":"AAAA', AllearsError),
        (key.fingerprint.encode(), b"00000000", Refused),
    ):
        path.write_bytes(held.replace(was, now))
        with pytest.raises(kind) as caught:
            read_key(path, AWS)
        assert not isinstance(caught.value, WorldFailed) or "AAAA" not in str(caught.value)
    with pytest.raises(AllearsError):
        make_key(tmp_path / "other.key", kms.replace("aws-kms:", "aws-kms:0"), AWS, "acme")
    assert not (tmp_path / "other.key").exists()


def test_a_transit_engine_makes_a_key_and_opens_it_again(transit: str, tmp_path: Path) -> None:
    path = tmp_path / "space.key"
    key = make_key(path, transit, VAULT, "acme")
    assert read_key(path, VAULT) == key and base64.b64encode(key.export()) not in path.read_bytes()
    held = path.read_bytes()
    path.write_bytes(held.replace(b'"tenant":"acme"', b'"tenant":"acne"'))
    with pytest.raises(Refused, match="refused to open"):
        read_key(path, VAULT)
    path.write_bytes(held)
    with pytest.raises(NotAllowed) as caught:
        read_key(path, {"VAULT_TOKEN": "another"})
    assert "another" not in str(caught.value)
    with pytest.raises(NotFound):
        make_key(tmp_path / "x", transit.replace("vault:allears", "vault:nobody"), VAULT, "acme")


def test_a_service_that_is_away_slow_or_broken_is_told_as_such_and_nothing_is_left_half_made(
    transit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", VAULT["VAULT_TOKEN"])
    folder = tmp_path / "space"
    with Space.open(folder, key=transit) as space:
        space.hear([{"text": "hello", "identifiers": {"email": "ada@example.com"}}], source="chat")
        # An open space goes on without the service.
        Transit.answers = 503
        space.digest(look=False)
        for answers, slow in ((503, 0.0), (500, 0.0), (200, 0.0), (None, 1.0)):
            Transit.answers, Transit.slow = answers, slow
            monkeypatch.setattr(key_service, "SECONDS", 0.2 if slow else 30.0)
            with pytest.raises(WorldFailed):
                Space.open(folder)
            with pytest.raises(WorldFailed):
                Space.open(tmp_path / "new", key=transit)
            assert not list((tmp_path / "new").glob("*")), "no half-made space"
            with pytest.raises(WorldFailed):
                renewing.renew_space(space.ground, actor="test")
        assert all(one["version"] == 0 for one in renewing.ages(space.ground))
    Transit.answers, Transit.slow = None, 0.0
    monkeypatch.setattr(key_service, "SECONDS", 30.0)
    with Space.open(folder) as space:
        assert space.customer("ada@example.com")
        with Space.open(tmp_path / "new", key=transit) as other:
            assert other.ground.vault.layers.key != space.ground.vault.layers.key


def test_a_space_moves_from_a_file_to_a_service_and_on_to_the_environment(
    transit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", VAULT["VAULT_TOKEN"])
    secret = base64.b64encode(os.urandom(32)).decode()
    monkeypatch.setenv("SHOP_KEY", secret)
    folder = tmp_path / "space"
    with Space.open(folder) as space:
        space.hear([{"text": "hello", "identifiers": {"email": "ada@example.com"}}], source="chat")
        space.digest(look=False)
        clear = space.ground.vault.layers.key.export()
        for source in (transit, "env:SHOP_KEY"):
            renewing.renew_space(space.ground, source=source, actor="test")
            assert renewing.ages(space.ground)[0]["from"] == source.partition("?")[0]
            with Space.open(folder) as again:
                assert again.customer("ada@example.com").id == space.customer("ada@example.com").id
        with pytest.raises(Refused, match="same key as before"):
            renewing.renew_space(space.ground, actor="test")
        assert space.verify_audit().ok
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert clear not in content and base64.urlsafe_b64encode(clear) not in content
            assert secret.encode() not in content
    monkeypatch.setenv("SHOP_KEY", base64.b64encode(os.urandom(32)).decode())
    with pytest.raises(Refused, match="gave another one"):
        Space.open(folder)
    monkeypatch.delenv("SHOP_KEY")
    with pytest.raises(NotFound):
        Space.open(folder)


@pytest.mark.parametrize(
    "source",
    [
        "nowhere",
        "env:",
        "env:SHORT",
        "aws-kms:k",
        "aws-kms:k?region=x&more=y",
        "vault:k",
        "vault:k?address=http://vault.example.com",
        "vault:k?address=https://user:word@vault.example.com",
        "vault:k?address",
    ],
)
def test_a_source_that_cannot_be_is_refused_before_anything_is_made(source: str, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        make_key(tmp_path / "space.key", source, {"SHORT": "AAAA"}, "acme")
    assert not list(tmp_path.iterdir())


def test_the_environment_holds_a_key_of_its_own(tmp_path: Path) -> None:
    secret = os.urandom(32)
    told = {"KEY": base64.b64encode(secret).decode() + "\n"}
    assert (
        make_key(tmp_path / "k", "env:KEY", told, "acme")
        == SpaceKey(secret)
        == read_key(tmp_path / "k", told)
    )
