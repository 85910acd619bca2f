"""Opening what is sealed under a passphrase, also on a machine that is busy just now."""

from __future__ import annotations

import time

import pyrage

_TRIES = 100


def open_parcel(sealed: bytes, passphrase: str) -> bytes:
    """Open it; the library refuses where its own guess, timed anew at each try, is that this would take very long."""
    for _ in range(_TRIES):
        try:
            return pyrage.passphrase.decrypt(sealed, passphrase)
        except pyrage.DecryptError as error:
            if "Excessive work" not in str(error):
                raise
        time.sleep(0.2)
    raise AssertionError("this machine is too busy to open anything")
