"""Where the space's key comes from: the file ``space.key`` holds it, or says who does.

One file, whatever the source, so that opening, replacing, backing up and restoring know one thing only.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec

from allears.errors import NotFound, Refused
from allears.guard.key_service import Held, KeyService, in_environment, service_of
from allears.guard.space_key import SpaceKey, read_key_file, write_new, written

_HEAD = "allears-held-1 "
KINDS = "file, env:NAME, aws-kms:KEY or vault:KEY"


def make_key(path: Path, source: str, environment: Mapping[str, str], tenant: str) -> SpaceKey:
    """Make a key, or have it made, and write a new file that only its owner may read; durable before this returns.

    Parameters
    ----------
    source
        ``file``: the key stands in the file. ``env:NAME``: in the environment, as 32 bytes of base64.
        ``aws-kms:KEY?region=…&endpoint=…`` and ``vault:KEY?address=…&mount=…``: a key service makes it and wraps it;
        the file holds what only the service can open.
    tenant
        Told to the service, which binds the wrapped key to it.

    Raises
    ------
    Refused
        No such source, or the file exists.
    WorldFailed
        The service is away; nothing was written.
    """
    kind, _, name = source.partition(":")
    if source == "file":
        key = SpaceKey.new()
        text = written(key)
    elif kind == "env" and name:
        key = in_environment(name, environment)
        text = _told(Held(kind="env", name=name, fingerprint=key.fingerprint))
    elif kind in ("aws-kms", "vault") and name:
        named, _, options = name.partition("?")
        service = service_of(kind, named, _options(options), environment)
        key, held = _made(service, tenant)
        text = _told(held)
    else:
        raise Refused(f"expected {KINDS}", place="--key")
    write_new(path, text)
    return key


def read_key(path: Path, environment: Mapping[str, str] | None = None) -> SpaceKey:
    """Read a key file; ask whoever holds the key when it is not in there.

    Raises
    ------
    NotFound
        There is no such file, or no such variable.
    NotAllowed
        Others may read the file, or the service does not let us.
    Refused
        It is not a key file, or what holds the key gave another one.
    WorldFailed
        The service is away or too slow; ``again`` is true.
    """
    held = holder(path)
    if held is None:
        return read_key_file(path)
    given = os.environ if environment is None else environment
    if held.kind == "env":
        key = in_environment(held.name, given)
    else:
        key = SpaceKey(KeyService.of(held, given).open(held))
    if key.fingerprint != held.fingerprint:
        raise Refused("whoever holds the space's key gave another one", place="space key")
    return key


def holder(path: Path) -> Held | None:
    """Tell who holds the key; None when the file does."""
    if not path.is_file():
        raise NotFound("no key file here", place=str(path))
    text = path.read_bytes()
    if not text.startswith(_HEAD.encode()):
        return None
    try:
        return msgspec.json.decode(text[len(_HEAD) :], type=Held)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("not a key file", place=str(path)) from None


def source_of(path: Path) -> str:
    """Say from where a key comes, as `make_key` takes it."""
    held = holder(path)
    return "file" if held is None else held.source()


def _options(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, strict_parsing=bool(text)))
    except ValueError:
        raise Refused("expected NAME=VALUE after the question mark, joined by &", place="--key") from None


def _made(service: KeyService, tenant: str) -> tuple[SpaceKey, Held]:
    secret, wrapped = service.make(tenant)
    key = SpaceKey(secret)
    told = msgspec.structs.replace(
        service.held, tenant=tenant, wrapped=base64.b64encode(wrapped).decode(), fingerprint=key.fingerprint
    )
    return key, told


def _told(held: Held) -> str:
    return _HEAD + msgspec.json.encode(held).decode() + "\n"
