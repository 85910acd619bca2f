"""What vendors post, as one plain document: JSON, form fields, or XML without entities."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Any, Literal
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from allears.listen.flat import DEEPEST
from allears.listen.halves import without_halves
from allears.listen.reading import DEEP, BadRow

Form = Literal["json", "form", "xml"]
MOST_FIELDS = 2_000
_NAMES = {"json": "JSON", "form": "form fields", "xml": "XML"}


def read_body(body: bytes, content_type: str, forms: tuple[Form, ...], packed: str | None = None) -> Any:
    r"""Read a body in one of the forms its vendor sends.

    Parameters
    ----------
    content_type
        As the sender wrote it; believed when it names one of ``forms``, else the first byte decides.
    forms
        What the vendor sends.
    packed
        Form field that holds the document as JSON.

    Raises
    ------
    BadRow
        Empty, of another form, or broken.

    Examples
    --------
    >>> read_body(b"From=%2B441&Body=hi", "application/x-www-form-urlencoded", ("form",))
    {'From': '+441', 'Body': 'hi'}
    >>> read_body(b"<a><b>1</b><b>2</b></a>", "text/xml", ("xml",))
    {'a': {'b': ['1', '2']}}
    """
    body = body.removeprefix(BOM_UTF8)
    if not body.strip():
        raise BadRow("the body is empty")
    form = _form(body, content_type, forms)
    if form == "json":
        return _json(body)
    if form == "xml":
        return _xml(body)
    fields = _fields(body)
    if packed is not None and isinstance(fields.get(packed), str):
        return _json(fields[packed].encode())
    return fields


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        whole = without_halves(body)
        if whole == body:
            raise
        return msgspec.json.decode(whole)


def _form(body: bytes, content_type: str, forms: tuple[Form, ...]) -> Form:
    kind = content_type.partition(";")[0].strip().lower()
    named: Form | None = (
        "json"
        if kind.endswith("json")
        else "xml"
        if kind.endswith("xml")
        else "form"
        if kind == "application/x-www-form-urlencoded"
        else None
    )
    start = body.lstrip()[:1]
    looks: Form = "json" if start in (b"{", b"[", b'"') else "xml" if start == b"<" else "form"
    for found in (named, looks):
        if found in forms:
            return found
    raise BadRow(f"expected {' or '.join(_NAMES[form] for form in forms)}")


def _fields(body: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_FIELDS
        )
    except UnicodeDecodeError:
        raise
    except ValueError:
        raise BadRow(f"expected form fields, at most {MOST_FIELDS:,}") from None
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return fields


def _xml(body: bytes) -> Any:
    try:
        root = ElementTree.fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise BadRow("expected XML without a document type or entities") from None
    return {_tag(root): _element(root, 0)}


def _element(element: Element, depth: int) -> Any:
    if depth > DEEPEST:
        raise BadRow(DEEP)
    children = list(element)
    if not children:
        return element.text
    held: dict[str, Any] = {}
    for child in children:
        name, value = _tag(child), _element(child, depth + 1)
        if name not in held:
            held[name] = value
        elif isinstance(held[name], list):
            held[name].append(value)
        else:
            held[name] = [held[name], value]
    return held


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
