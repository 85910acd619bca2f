"""Comparisons: how alike two values are, in a few steps from the same to different, for each field at hand.

Steps are SQL that Splink runs; what each is worth is learned, not written here. City and postcode are one comparison, since
who shares the one shares the other: counted twice they would join neighbours.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

SAME, NEARLY, ALIKE, PARTLY, DIFFERENT, UNKNOWN = (
    "the same", "nearly the same", "alike", "partly the same", "different", "not known of both",
)  # fmt: skip

Step = tuple[str, str]
_TERMS = ("given", "surname", "name", "birth", "postcode", "city")
"""Fields of which a rare value says more than a common one."""

RAREST = 1e-6
"""No value counts as rarer than this."""


def comparisons(fields: Collection[str]) -> list[dict[str, Any]]:
    """Give Splink's comparisons for the fields at hand."""
    both_names = {"given", "surname"} <= set(fields)
    found = []
    for field in fields:
        if field == "city" and "postcode" in fields:
            continue
        if field == "postcode" and "city" in fields:
            found.append(_comparison("place", _place(), missing=_no_place(), term="postcode"))
            continue
        steps = _STEPS[field](field)
        missing = _missing(field)
        if both_names and field == "given":
            steps.insert(1, ("given and family name exchanged", _exchanged()))
        if both_names and field == "surname":
            # Said once, with the given name.
            missing = f"({missing}) or ({_exchanged()})"
        found.append(_comparison(field, steps, missing=missing, term=field if field in _TERMS else None))
    return found


def agreeing(label: str) -> bool:
    """Tell whether a step says that two values are one person's."""
    return label not in (DIFFERENT, UNKNOWN, PARTLY)


def _comparison(name: str, steps: list[Step], *, missing: str, term: str | None) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {"sql_condition": missing, "label_for_charts": UNKNOWN, "is_null_level": True}
    ]
    for label, condition in steps:
        level: dict[str, Any] = {"sql_condition": condition, "label_for_charts": label}
        if term and label == SAME:
            level |= {"tf_adjustment_column": term, "tf_adjustment_weight": 1.0, "tf_minimum_u_value": RAREST}
        levels.append(level)
    levels.append({"sql_condition": "ELSE", "label_for_charts": DIFFERENT})
    return {"output_column_name": name, "comparison_levels": levels, "comparison_description": name}


def _missing(field: str) -> str:
    return f"{field}_l is null or {field}_r is null"


def _exchanged() -> str:
    return "given_l = surname_r and surname_l = given_r and given_l <> surname_l"


def _alike(field: str, least: float = 0.7) -> str:
    """Ask the cheap question first: who is further apart cannot be one letter apart, and counting letters costs 20 times as much."""
    return f"jaro_winkler_similarity({field}_l, {field}_r) >= {least}"


def _name(field: str) -> list[Step]:
    short = f"least(length({field}_l), length({field}_r))"
    starts = f"(starts_with({field}_l, {field}_r) or starts_with({field}_r, {field}_l))"
    return [
        (SAME, f"{field}_l = {field}_r"),
        (NEARLY, f"jaro_winkler_similarity({field}_l, {field}_r) >= 0.92 or ({_alike(field)} and levenshtein({field}_l, {field}_r) = 1 and {short} > 3)"),
        (ALIKE, f"jaro_winkler_similarity({field}_l, {field}_r) >= 0.86 or ({starts} and {short} > 1)"),
        (PARTLY, f"jaro_winkler_similarity({field}_l, {field}_r) >= 0.7"),
    ]  # fmt: skip


def _whole_name(field: str) -> list[Step]:
    a, b = f"string_split({field}_l, ' ')", f"string_split({field}_r, ' ')"
    shared = f"len(list_intersect({a}, {b}))"
    fewest = f"least(len(list_distinct({a})), len(list_distinct({b})))"
    return [
        (SAME, f"{field}_l = {field}_r"),
        (NEARLY, f"jaro_winkler_similarity({field}_l, {field}_r) >= 0.95 or ({shared} >= 2 and {shared} = {fewest})"),
        (ALIKE, f"jaro_winkler_similarity({field}_l, {field}_r) >= 0.88 or ({shared} >= 2 and {shared} * 3 >= {fewest} * 2)"),
        (PARTLY, f"{shared} >= 1 or jaro_winkler_similarity({field}_l, {field}_r) >= 0.8"),
    ]  # fmt: skip


def _birth(field: str) -> list[Step]:
    # Eight digits on both sides; the distance that knows exchanged digits is only asked where few differ.
    apart = f"hamming({field}_l, {field}_r)"
    distance = f"damerau_levenshtein({field}_l, {field}_r)"
    turned = f"substr({field}_l, 1, 4) = substr({field}_r, 1, 4) and substr({field}_l, 5, 2) = substr({field}_r, 7, 2) and substr({field}_l, 7, 2) = substr({field}_r, 5, 2)"
    return [
        (SAME, f"{field}_l = {field}_r"),
        (NEARLY, f"{apart} <= 1 or ({apart} = 2 and {distance} <= 1) or ({apart} <= 4 and {turned})"),
        (
            ALIKE,
            f"{apart} = 2 or ({apart} = 3 and {distance} <= 2) or ({_alike(field)} and levenshtein({field}_l, {field}_r) <= 2)",
        ),
    ]


def _address(field: str) -> list[Step]:
    number_l, number_r = (f"regexp_extract({field}_{side}, '[0-9]+')" for side in "lr")
    return [
        (SAME, f"{field}_l = {field}_r"),
        (NEARLY, f"{number_l} = {number_r} and jaro_winkler_similarity({field}_l, {field}_r) >= 0.9"),
        (ALIKE, f"jaro_winkler_similarity({field}_l, {field}_r) >= 0.9 or ({number_l} <> '' and {number_l} = {number_r} and jaro_winkler_similarity({field}_l, {field}_r) >= 0.8)"),
        (PARTLY, f"jaro_winkler_similarity({field}_l, {field}_r) >= 0.8"),
    ]  # fmt: skip


def _code(field: str) -> list[Step]:
    return [
        (SAME, f"{field}_l = {field}_r"),
        (NEARLY, f"{_alike(field)} and damerau_levenshtein({field}_l, {field}_r) = 1"),
    ]


def _postcode(field: str) -> list[Step]:
    return [*_code(field), (PARTLY, f"substr({field}_l, 1, 3) = substr({field}_r, 1, 3)")]


def _city(field: str) -> list[Step]:
    return [
        (SAME, f"{field}_l = {field}_r"),
        (NEARLY, f"jaro_winkler_similarity({field}_l, {field}_r) >= 0.88"),
    ]


def _email(field: str) -> list[Step]:
    box_l, box_r = (f"split_part({field}_{side}, '@', 1)" for side in "lr")
    # Who mistypes a letter is one person; anna12 and anna13 are two.
    digits_l, digits_r = (f"regexp_replace({field}_{side}, '[^0-9]', '', 'g')" for side in "lr")
    return [
        (SAME, f"{field}_l = {field}_r"),
        (NEARLY, f"{_alike(field, 0.8)} and levenshtein({field}_l, {field}_r) <= 2 and {digits_l} = {digits_r}"),
        (ALIKE, f"({box_l} = {box_r} and length({box_l}) > 4)"),
        (PARTLY, f"jaro_winkler_similarity({box_l}, {box_r}) >= 0.88 or jaro_winkler_similarity({field}_l, {field}_r) >= 0.92"),
    ]  # fmt: skip


def _place() -> list[Step]:
    return [
        (SAME, "postcode_l = postcode_r"),
        (
            NEARLY,
            f"city_l = city_r or ({_alike('postcode')} and damerau_levenshtein(postcode_l, postcode_r) = 1)",
        ),
        (ALIKE, "jaro_winkler_similarity(city_l, city_r) >= 0.9"),
        (PARTLY, "substr(postcode_l, 1, 3) = substr(postcode_r, 1, 3)"),
    ]


def _no_place() -> str:
    return f"({_missing('postcode')}) and ({_missing('city')})"


_STEPS = {
    "given": _name,
    "surname": _name,
    "name": _whole_name,
    "birth": _birth,
    "address": _address,
    "postcode": _postcode,
    "city": _city,
    "email": _email,
    "phone": _code,
    "number": _code,
}
