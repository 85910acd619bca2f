"""Codes as RFC 6238 and RFC 4226 print them."""

from __future__ import annotations

import pytest

from allears.guard import totp

# RFC 6238, appendix B: seconds, and the code under each algorithm, whose secret is as long as its hash.
SECRETS = {name: (b"1234567890" * 7)[:size] for name, size in (("sha1", 20), ("sha256", 32), ("sha512", 64))}
VECTORS = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]
# RFC 4226, appendix D: the first ten of a counter.
COUNTED = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]


@pytest.mark.parametrize(("seconds", *SECRETS), VECTORS)
def test_the_codes_of_the_standard(seconds: int, sha1: str, sha256: str, sha512: str) -> None:
    step = seconds // totp.STEP_SECONDS
    found = [totp.code_at(SECRETS[name], step, digits=8, algorithm=name) for name in SECRETS]
    assert found == [sha1, sha256, sha512]
    assert totp.step_of(SECRETS["sha1"], sha1[2:], seconds) == step, "the last six of eight digits"


def test_the_codes_of_a_counter() -> None:
    assert [totp.code_at(SECRETS["sha1"], step) for step in range(10)] == COUNTED


def test_clocks_may_differ_by_one_step_and_no_more() -> None:
    secret = SECRETS["sha1"]
    now = 100 * totp.STEP_SECONDS + 15.0
    fits = [
        step for step in range(90, 110) if totp.step_of(secret, totp.code_at(secret, step), now) is not None
    ]
    assert fits == [99, 100, 101]
    assert [totp.step_of(secret, wrong, now) for wrong in ("", "12345", "\ud800", "é" * 6)] == [None] * 4
    assert totp.step_of(secret, totp.code_at(secret, 0), 3.0) == 0
