from __future__ import annotations

import logging

import pytest

from allears.web.quiet import keep_values_out

SAID = "ada@example.com"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> logging.Logger:
    made = logging.getLogger("allears.tests.pages")
    made.addFilter(keep_values_out)
    return made


def test_an_address_that_leads_nowhere_is_not_noted(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    log.warning("http://shop.example/customers/%s not found", SAID)
    log.warning(f"http://shop.example/customers/{SAID} not found")
    assert SAID not in caplog.text


def test_of_an_error_its_kind_and_place_stay(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise KeyError(SAID)
    except KeyError as error:
        log.exception(error)
        log.exception("it failed with %s", error)
    assert SAID not in caplog.text and "Traceback" not in caplog.text
    assert caplog.text.count("a request failed: KeyError at test_quiet.py:") == 2


def test_other_lines_pass(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    log.warning("page building was cancelled")
    assert "page building was cancelled" in caplog.text
