"""Consent strings: published ones read as published, anything else is refused and never believed."""

from __future__ import annotations

from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given

from allears.errors import Refused
from allears.guard.expressed import expressed
from allears.guard.purpose import default_purposes, read_purposes
from allears.guard.tcf import read_tcf

PUBLISHED = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA"
VENDORS = ".IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQAIAgEAACEAAAAAgAQBAAAAAAAGBAAgAAAAAAAFAAECAAAgAAQARAEQAAAAAJAAIAAgAAAYQEAAAQmAgBC3ZAYzUw"


@pytest.mark.parametrize("text", [PUBLISHED, PUBLISHED + VENDORS], ids=["core", "whole"])
def test_the_example_of_the_specification(text: str) -> None:
    found = read_tcf(text)
    assert found.created == found.updated == datetime(2020, 2, 20, 23, 57, 39, 300_000, UTC)
    assert (found.cmp, found.language, found.vendor_list, found.policy) == (27, "EN", 15, 2)
    assert (found.consents, found.interests) == ({1, 2, 3}, set())


def test_the_example_of_iab_s_own_tool() -> None:
    found = read_tcf("COrVd1pOrVd1pACABCENAHCAAAAAAAAAAAiQAAAAAAAA")
    assert found.created.replace(microsecond=0) == datetime(2019, 12, 10, 2, 1, 46, tzinfo=UTC)
    assert (found.cmp, found.language, found.vendor_list, found.policy) == (2, "EN", 7, 2)
    assert not found.consents and not found.interests


@pytest.mark.parametrize(
    "text", ["", ".", "COvFyGBO", "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", "not base64!", "C" * 30_000]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_tcf(text)


@given(st.text())
def test_no_text_stops_the_reader(text: str) -> None:
    try:
        read_tcf(text)
    except Refused as error:
        assert text not in error.message or len(text) < 3


def test_a_string_grants_only_what_it_names_whole() -> None:
    uses = read_purposes("[marketing]\ntcf = [1, 3]\n[analytics]\ntcf = [2, 4]\n[product]\ntcf = []")
    assert expressed({"tcString": PUBLISHED}, uses) == {"marketing": "given", "analytics": "refused"}


def test_of_several_categories_one_no_is_a_no() -> None:
    uses = default_purposes()
    assert expressed({"Advertising": True, "ad_storage": "denied"}, uses) == {"marketing": "refused"}
    assert expressed({"marketing": "unsubscribed", "advertising": False}, uses) == {"marketing": "withdrawn"}
    assert (
        expressed({"Functional": True, "marketing": "perhaps", "analytics": 1.5, "product": None}, uses) == {}
    )
    assert expressed({"marketing": True, "tcf": PUBLISHED}, uses)["marketing"] == "refused"
