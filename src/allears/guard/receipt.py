"""Sign what was done with a key of the space, so that a receipt that was changed is found out."""

from __future__ import annotations

import hmac
from typing import Any

import msgspec

from allears.guard.vault import Vault


def sign(vault: Vault, receipt: Any) -> str:
    """Give the signature of a receipt: a struct with a field ``signature``, which does not count."""
    unsigned = msgspec.json.encode(msgspec.structs.replace(receipt, signature=""), order="sorted")
    return hmac.digest(vault.sub_key("receipt"), unsigned, "sha256").hex()


def signed_here(vault: Vault, receipt: Any) -> bool:
    """Tell whether a receipt was signed by this space and not changed since."""
    return hmac.compare_digest(receipt.signature, sign(vault, receipt))
