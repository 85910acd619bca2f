"""Services that keep the space's key: they make it and wrap it, and open it again for whoever they let.

Two shapes: AWS KMS (``GenerateDataKey`` and ``Decrypt``, signed with Signature Version 4) and the transit engine of HashiCorp
Vault, which OpenBao speaks too. A service is asked when a space is opened, once; the key is then in memory only.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from allears.errors import NotAllowed, NotFound, Refused, WorldFailed
from allears.guard.sigv4 import Credentials, sign_v4
from allears.guard.space_key import SpaceKey

SECONDS = 5.0
_LARGEST = 65_536
_PLACE = "space key"
_LOCAL = ("127.0.0.1", "localhost", "::1")


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a key file says of a key that is held elsewhere; of the key itself only what the service can open."""

    kind: str
    name: str
    fingerprint: str = ""
    tenant: str = ""
    wrapped: str = ""
    address: str = ""
    region: str = ""
    mount: str = ""

    def source(self) -> str:
        """Say it as ``--key`` takes it."""
        options = {
            "region": self.region,
            "mount": self.mount,
            ("endpoint" if self.kind == "aws-kms" else "address"): self.address,
        }
        told = urlencode({name: value for name, value in options.items() if value}, safe=":/")
        return f"{self.kind}:{self.name}" + (f"?{told}" if told else "")


class KeyService:
    """One key of one service."""

    def __init__(self, held: Held, environment: Mapping[str, str]) -> None:
        self.held = held
        self._environment = environment

    @staticmethod
    def of(held: Held, environment: Mapping[str, str]) -> KeyService:
        """Find the service that a key file names."""
        kinds: dict[str, type[KeyService]] = {"aws-kms": AwsKms, "vault": Transit}
        if held.kind not in kinds:
            raise Refused("made by a newer Allears: no such holder of a key here", place=_PLACE)
        return kinds[held.kind](held, environment)

    def make(self, tenant: str) -> tuple[bytes, bytes]:
        """Have a key made: the key, and it wrapped."""
        raise NotImplementedError

    def open(self, held: Held) -> bytes:
        """Have a wrapped key opened."""
        raise NotImplementedError

    def _ask(self, url: str, content: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        import httpx

        until, body = time.monotonic() + 2 * SECONDS, b""
        try:
            with httpx.stream(
                "POST", url, content=content, headers=headers, timeout=SECONDS, trust_env=False
            ) as answer:
                for part in answer.iter_bytes():
                    body += part
                    # Each part has its own limit of time; together they have one as well.
                    if len(body) > _LARGEST or time.monotonic() > until:
                        raise httpx.ReadTimeout("too slow or too much")
        except httpx.HTTPError as error:
            raise WorldFailed(
                f"the service that holds the space's key cannot be reached ({type(error).__name__})",
                place=_PLACE,
                again=True,
            ) from None
        try:
            told = msgspec.json.decode(body, type=dict[str, Any]) if body else {}
        except msgspec.MsgspecError:
            told = {}
        if answer.status_code == 200:
            return told
        self._refuse(answer.status_code, told)
        raise WorldFailed(
            f"the service that holds the space's key answered {answer.status_code}", place=_PLACE, again=True
        )

    def _refuse(self, status: int, told: dict[str, Any]) -> None:
        """Tell a refusal for good from a passing failure."""
        if status in (401, 403):
            raise NotAllowed("the service that holds the space's key does not let us use it", place=_PLACE)
        if status == 404:
            raise NotFound("the service knows no such key", place=_PLACE)
        if 400 <= status < 429:
            raise Refused("the service that holds the space's key refused to open it", place=_PLACE)


class AwsKms(KeyService):
    """AWS KMS, and what speaks its API; credentials come from the usual variables."""

    def make(self, tenant: str) -> tuple[bytes, bytes]:
        """Have a data key made under the customer master key, bound to the tenant."""
        told = self._call(
            "GenerateDataKey",
            {"KeyId": self.held.name, "KeySpec": "AES_256", "EncryptionContext": {"allears": tenant}},
        )
        return _bytes(told, "Plaintext"), _bytes(told, "CiphertextBlob")

    def open(self, held: Held) -> bytes:
        """Have the data key opened."""
        asked = {
            "KeyId": held.name,
            "CiphertextBlob": held.wrapped,
            "EncryptionContext": {"allears": held.tenant},
        }
        return _bytes(self._call("Decrypt", asked), "Plaintext")

    def _call(self, action: str, asked: dict[str, Any]) -> dict[str, Any]:
        told, region = self._environment, self.held.region
        access, secret = _variable(told, "AWS_ACCESS_KEY_ID"), _variable(told, "AWS_SECRET_ACCESS_KEY")
        url = self.held.address or f"https://kms.{region}.amazonaws.com"
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"TrentService.{action}"}
        content = msgspec.json.encode(asked)
        signed = sign_v4(
            url + "/",
            headers,
            content,
            Credentials(access, secret, told.get("AWS_SESSION_TOKEN", "")),
            region=region,
            service="kms",
        )
        return self._ask(url + "/", content, signed)

    def _refuse(self, status: int, told: dict[str, Any]) -> None:
        kind = str(told.get("__type", "")).rpartition("#")[2]
        if kind in ("NotFoundException",):
            raise NotFound("the service knows no such key", place=_PLACE)
        if kind in ("ThrottlingException", "KMSInternalException", "DependencyTimeoutException"):
            return
        if kind.startswith(("AccessDenied", "UnrecognizedClient", "InvalidSignature", "ExpiredToken")):
            super()._refuse(403, told)
        super()._refuse(status, told)


class Transit(KeyService):
    """The transit engine of HashiCorp Vault or OpenBao; ``VAULT_TOKEN`` lets us in."""

    def make(self, tenant: str) -> tuple[bytes, bytes]:
        """Have a data key made, bound to the tenant."""
        told = self._call(
            f"datakey/plaintext/{quote(self.held.name, safe='')}", {"associated_data": _context(tenant)}
        )
        return _bytes(told, "plaintext"), str(told.get("ciphertext", "")).encode()

    def open(self, held: Held) -> bytes:
        """Have the data key opened."""
        asked = {
            "ciphertext": base64.b64decode(held.wrapped).decode(),
            "associated_data": _context(held.tenant),
        }
        return _bytes(self._call(f"decrypt/{quote(held.name, safe='')}", asked), "plaintext")

    def _call(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        headers = {"x-vault-token": _variable(self._environment, "VAULT_TOKEN"), "x-vault-request": "true"}
        if space := self._environment.get("VAULT_NAMESPACE"):
            headers["x-vault-namespace"] = space
        url = f"{self.held.address.rstrip('/')}/v1/{self.held.mount}/{path}"
        told = self._ask(url, msgspec.json.encode(asked), headers).get("data")
        return told if isinstance(told, dict) else {}


def service_of(kind: str, name: str, options: dict[str, str], environment: Mapping[str, str]) -> KeyService:
    """Make a service from what ``--key`` says; what it leaves out comes from the environment."""
    known = {"aws-kms": ("region", "endpoint"), "vault": ("address", "mount")}[kind]
    if set(options) - set(known):
        raise Refused(f"expected {' and '.join(known)} after the question mark", place="--key")
    if kind == "aws-kms":
        region = (
            options.get("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        )
        if not region:
            raise Refused("expected a region: aws-kms:KEY?region=eu-central-1, or AWS_REGION", place="--key")
        held = Held(kind=kind, name=name, region=region, address=options.get("endpoint", ""))
    else:
        address = options.get("address") or environment.get("VAULT_ADDR")
        if not address:
            raise Refused("expected an address: vault:KEY?address=https://…, or VAULT_ADDR", place="--key")
        held = Held(kind=kind, name=name, address=address, mount=options.get("mount", "transit"))
    if held.address:
        parts = urlsplit(held.address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise Refused("expected https:// (http:// on this machine only)", place="--key")
        if parts.username or parts.password or parts.query:
            raise Refused("an address must not hold a user, password or query", place="--key")
    return KeyService.of(held, environment)


def in_environment(name: str, environment: Mapping[str, str]) -> SpaceKey:
    """Read a key that stands in the environment: 32 bytes in base64, as ``openssl rand -base64 32`` writes them."""
    try:
        return SpaceKey(base64.b64decode(_variable(environment, name).strip(), validate=True))
    except (binascii.Error, ValueError):
        raise Refused("expected 32 bytes in base64", place=f"${name}") from None


def _variable(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise NotFound("the environment has no such variable", place=f"${name}")
    return value


def _bytes(told: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(str(told[name]), validate=True)
    except (KeyError, binascii.Error):
        raise WorldFailed("the service that holds the space's key gave no key", place=_PLACE) from None


def _context(tenant: str) -> str:
    return base64.b64encode(f"allears/{tenant}".encode()).decode()
