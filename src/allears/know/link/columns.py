"""Columns: which column of a table of people says what, and each value in its one form.

Nothing is guessed from values: a column is known by its name. What stands for "none" (`none@none.com`, `n/a`, a birthday
in the future) becomes missing, and so does an address or number that more people use than one person has names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from allears.errors import Refused
from allears.know.identifiers import BLOCKED_ADDRESSES, BLOCKED_MAILBOXES, BLOCKED_WORDS, LONGEST

ID = "record"
NAMED = {
    ID: ("record", "record_id", "rec_id", "unique_id", "id", "row_id"),
    "given": ("given", "given_name", "first_name", "firstname", "forename", "given_names"),
    "surname": ("surname", "last_name", "lastname", "family_name", "familyname"),
    "name": ("name", "full_name", "fullname", "display_name", "customer_name", "site_name"),
    "birth": ("birth", "date_of_birth", "dob", "birthday", "birthdate", "birth_date", "born"),
    "street_number": ("street_number", "house_number", "housenumber"),
    "address": ("address", "street", "address_1", "address1", "address_line_1", "street_address"),
    "postcode": ("postcode", "zip", "zip_code", "zipcode", "postal_code", "plz", "cap"),
    "city": ("city", "town", "suburb", "locality", "place"),
    "email": ("email", "e_mail", "email_address", "mail"),
    "phone": ("phone", "phone_number", "telephone", "mobile", "mobile_phone", "tel"),
    "number": (
        "number", "national_id", "soc_sec_id", "ssn", "passport", "tax_id", "loyalty_number", "member_id", "customer_number",
    ),
}  # fmt: skip
"""Fields, and the names of columns that hold them: compared in lower case, blanks and dashes as underscores."""

FIELDS = ("given", "surname", "name", "birth", "address", "postcode", "city", "email", "phone", "number")
"""What records are compared by."""
UNIQUE = ("email", "phone", "number")
"""Fields of which each person has their own."""

EARLIEST_BIRTH = 1880
SHARED_BY = 10
"""An e-mail address, phone or number used under more different names than this is nobody's, as in the graph."""
FEWEST_DIGITS = 6


def columns_of(names: list[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Say which column holds which field.

    Parameters
    ----------
    names
        Column names of a table.
    given
        Field to column, where the names do not say it.

    Raises
    ------
    Refused
        A given field or column is not there, or no field can be compared.

    Examples
    --------
    >>> columns_of(["First Name", "last_name", "DOB", "favourite colour"])
    {'given': 'First Name', 'surname': 'last_name', 'birth': 'DOB'}
    """
    for field, column in (given or {}).items():
        if field not in NAMED:
            said = "expected FIELD=COLUMN, the field first" if field in names else "no such field"
            raise Refused(f"{said}; fields are {', '.join(NAMED)}", place="--column")
        if column not in names:
            raise Refused(f"no such column for {field}; there are {', '.join(names)}", place="--column")
    known = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in reversed(names)}
    found = dict(given or {})
    for field, words in NAMED.items():
        called = next((known[word] for word in words if word in known), None)
        if called is not None and called not in found.values():
            found.setdefault(field, called)
    if not set(found) & set(FIELDS):
        raise Refused(
            "no column says who somebody is; expected names such as first_name, surname, date_of_birth, address, postcode, email, phone"
        )
    return found


def tidy(people: pa.Table, columns: Mapping[str, str], today: date) -> pa.Table:
    """Give the records with one column per field, every value in its one form, null where there is none.

    Parameters
    ----------
    people
        One row per record.
    columns
        What `columns_of` gave.
    today
        Births after this day are mistakes.

    Returns
    -------
    Table
        ``record`` (int64, the row's place), then fields in the order of `FIELDS` that hold any value.
    """
    chosen = [field for field in columns if field != ID]
    with ThreadPoolExecutor() as pool:  # Arrow works on columns without holding Python up
        text = dict(zip(chosen, pool.map(lambda field: _text(people[columns[field]]), chosen), strict=True))
    if "street_number" in text:
        number = text.pop("street_number")
        if "address" in text:
            text["address"] = _joined(number, text["address"])
    there = [field for field in FIELDS if field in text]
    with ThreadPoolExecutor() as pool:
        formed = pool.map(lambda field: _FORMS.get(field, _words)(text[field], today), there)
        forms = dict(zip(there, formed, strict=True))
    forms = {field: values for field, values in forms.items() if values.null_count < len(values)}
    _part_names(forms)
    table = pa.table({ID: pa.array(range(people.num_rows), pa.int64()), **forms})
    return _without_shared(table)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lower case, no accents, single blanks; scripts without case stay as they are."""
    text = pc.utf8_lower(pc.utf8_normalize(column.cast(pa.string()), "NFKD"))
    text = pc.replace_substring_regex(text, r"\p{M}+", "")
    text = pc.utf8_normalize(text, "NFC")
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, r"\s+", " "))
    return _only(text, pc.invert(_is_none(text)))


def _joined(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.ChunkedArray:
    """Join two texts by a blank; where one is missing, the other stands alone."""
    return pc.coalesce(pc.binary_join_element_wise(left, right, " "), left, right)


def _is_none(text: pa.ChunkedArray) -> pa.ChunkedArray:
    words = pc.is_in(text, pa.array(sorted(BLOCKED_WORDS)))
    empty = pc.match_substring_regex(text, r"^[0\-\s]*$")
    return pc.or_(pc.or_(words, empty), pc.greater(pc.utf8_length(text), LONGEST))


def _only(values: pa.ChunkedArray, keep: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.fill_null(keep, False), values, pa.scalar(None, pa.string()))


def _words(text: pa.ChunkedArray, today: date) -> pa.ChunkedArray:
    words = pc.replace_substring_regex(text, r"[^\pL\pN]+", " ")
    words = pc.utf8_trim_whitespace(words)
    return _only(words, pc.greater(pc.utf8_length(words), 0))


def _postcode(text: pa.ChunkedArray, today: date) -> pa.ChunkedArray:
    code = pc.replace_substring_regex(text, r"[^\pL\pN]+", "")
    return _only(code, pc.greater(pc.utf8_length(code), 1))


def _digits(text: pa.ChunkedArray, today: date) -> pa.ChunkedArray:
    digits = pc.replace_substring_regex(text, r"[^0-9]+", "")
    one_digit = pc.match_substring_regex(digits, r"^(0+|1+|2+|3+|4+|5+|6+|7+|8+|9+|1234567890)$")
    # The last nine digits are the same with and without a country's or a trunk prefix.
    return _only(
        pc.utf8_slice_codeunits(digits, -9),
        pc.and_(pc.greater_equal(pc.utf8_length(digits), FEWEST_DIGITS), pc.invert(one_digit)),
    )


def _number(text: pa.ChunkedArray, today: date) -> pa.ChunkedArray:
    code = pc.replace_substring_regex(text, r"[^\pL\pN]+", "")
    return _only(code, pc.greater_equal(pc.utf8_length(code), 4))


def _email(text: pa.ChunkedArray, today: date) -> pa.ChunkedArray:
    junk = pc.is_in(text, pa.array(sorted(BLOCKED_ADDRESSES)))
    box = pc.replace_substring_regex(text, r"@.*$", "")
    nobody = pc.is_in(box, pa.array(sorted(BLOCKED_MAILBOXES)))
    return _only(
        text, pc.and_(pc.match_substring_regex(text, r"^[^@\s]+@[^@\s]+$"), pc.invert(pc.or_(junk, nobody)))
    )


def _birth(text: pa.ChunkedArray, today: date) -> pa.ChunkedArray:
    """Write dates as yyyymmdd, mistyped ones too: a month 13 is still seven right digits."""
    year_first = pc.extract_regex(
        text, r"^(?P<y>[12]\d{3})[-/. ]?(?P<m>\d{1,2})[-/. ]?(?P<d>\d{1,2})(?:\D.*)?$"
    )
    year_last = pc.extract_regex(text, r"^(?P<a>\d{1,2})[-/. ](?P<b>\d{1,2})[-/. ](?P<y>[12]\d{3})$")
    first = pc.cast(pc.struct_field(year_last, "a"), pa.int64())
    # Nobody writes both ways in one column: a first number above 12 anywhere means the day comes first.
    month_first = (pc.max(first).as_py() or 0) <= 12 and (
        pc.max(pc.cast(pc.struct_field(year_last, "b"), pa.int64())).as_py() or 0
    ) > 12
    day, month = ("b", "a") if month_first else ("a", "b")
    year = pc.coalesce(pc.struct_field(year_first, "y"), pc.struct_field(year_last, "y"))
    months = pc.coalesce(pc.struct_field(year_first, "m"), pc.struct_field(year_last, month))
    days = pc.coalesce(pc.struct_field(year_first, "d"), pc.struct_field(year_last, day))
    written = pc.binary_join_element_wise(year, pc.utf8_lpad(months, 2, "0"), pc.utf8_lpad(days, 2, "0"), "")
    possible = pc.and_(
        pc.greater_equal(written, f"{EARLIEST_BIRTH}0101"), pc.less_equal(written, today.strftime("%Y%m%d"))
    )
    return _only(written, possible)


_FORMS = {
    "birth": _birth,
    "postcode": _postcode,
    "email": _email,
    "phone": _digits,
    "number": _number,
}


def _part_names(forms: dict[str, pa.ChunkedArray]) -> None:
    """Leave whole names only where names do not come in parts."""
    if "name" in forms and ("given" in forms or "surname" in forms):
        del forms["name"]


def _without_shared(table: pa.Table) -> pa.Table:
    for field in UNIQUE:
        if field not in table.column_names:
            continue
        others = [f for f in ("given", "surname", "name", "birth") if f in table.column_names]
        counted = table.filter(pc.is_valid(table[field]))
        key = (
            pc.binary_join_element_wise(*(pc.fill_null(counted[f], "") for f in others), "|")
            if others
            else counted[ID].cast(pa.string())
        )
        users = pa.table({"value": counted[field], "who": key}).group_by("value")
        counts = users.aggregate([("who", "count_distinct")])
        # Typing mistakes give one person several names; records of one person are fewer than this.
        many = counts.filter(pc.greater(counts["who_count_distinct"], SHARED_BY))["value"]
        if len(many):
            keep = pc.invert(pc.is_in(table[field], many.combine_chunks()))
            table = table.set_column(table.column_names.index(field), field, _only(table[field], keep))
    return table
