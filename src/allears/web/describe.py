"""What the OpenAPI description says beyond the routes: what may be asked, how it is answered, and the doors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "place"],
            "properties": {"code": _TEXT, "message": _TEXT, "place": _TEXT},
        }
    },
}
_PAGE = {
    "type": "object",
    "required": ["items", "next"],
    "properties": {"items": {"type": "array"}, "next": {"type": ["string", "null"]}},
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "state": _TEXT,
    "decision": _TEXT,
    "by": {"type": "string", "description": "a column to group by, such as channel or topic"},
    "every": {"type": "string", "description": "hour, day, week or month"},
    "channel": _TEXT,
    "days": {"type": "integer", "minimum": 1, "maximum": 365},
    "cursor": {"type": "integer", "minimum": 0, "maximum": 10**15, "description": "what the last page called next"},
    "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
}  # fmt: skip
PAGED = ("cursor", "limit")


def _answered(what: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": what, "content": {"application/json": {"schema": schema}}}


ERRORS: dict[int | str, dict[str, Any]] = {
    400: _answered("What was asked is wrong; `place` says where", _ERROR),
    401: _answered("No key, or one nobody knows", _ERROR),
    403: _answered("No role allows it", _ERROR),
    404: _answered("There is no such thing", _ERROR),
    503: _answered("Too little to answer from yet, or busy: try again", _ERROR),
}
_TOLD = {
    **ERRORS,
    405: _answered("Doors are posted to", _ERROR),
    408: _answered("The body came too slowly", _ERROR),
    413: _answered("The body is too large", _ERROR),
    415: _answered("Neither gzip nor plain", _ERROR),
    429: _answered("No room just now: nothing was taken; try again after Retry-After", _ERROR),
}
_CALL = {
    "type": "object",
    "properties": {
        "type": {"enum": ["track", "identify", "page", "screen", "group", "alias"]},
        "event": _TEXT,
        "userId": {"type": ["string", "integer", "null"]},
        "anonymousId": {"type": ["string", "integer", "null"]},
        "messageId": {"type": ["string", "integer", "null"]},
        "timestamp": {"type": ["string", "number", "null"]},
        "properties": {"type": ["object", "null"]},
        "traits": {"type": ["object", "null"]},
        "context": {"type": ["object", "null"]},
    },
}
_BATCH = {"type": "object", "required": ["batch"], "properties": {"batch": {"type": "array", "items": _CALL}}}
_SIGNAL = {
    "type": "object",
    "properties": {
        "signal_id": _TEXT,
        "occurred_at": {"type": ["string", "number", "null"]},
        "text": {"type": ["string", "null"]},
        "channel": {"type": ["string", "null"]},
        "rating": {"type": ["number", "null"]},
        "identifiers": {"type": ["object", "null"]},
    },
}
_FILTERS = ("source", "reason")
_AGAIN = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **{name: {"type": ["string", "null"]} for name in (*_FILTERS, "refused")},
        "everything": {"type": "boolean"},
    },
}
_WHY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["why"],
    "properties": {"why": {"type": "string", "minLength": 1, "maxLength": 500}},
}
_OTLP = {"traces": "resourceSpans", "metrics": "resourceMetrics", "logs": "resourceLogs"}


def described(names: Iterable[str], paged: bool, within: Iterable[str]) -> dict[str, Any]:
    """Describe what a question may be asked with and how it is answered."""
    asked: list[dict[str, Any]] = [
        {"name": name, "in": "query", "schema": PARAMETERS[name]} for name in names
    ]
    asked += [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in within]
    found = _answered("Found", _PAGE if paged else {"type": "object"})
    return {"parameters": asked, "responses": {"200": found}}


def refused_described(answered: str) -> dict[str, Any]:
    """Describe what refused rows may be asked, by what is answered: rows, groups, row, open, replay."""
    asked = [*_FILTERS, "cursor", "limit"] if answered == "rows" else list(_FILTERS)
    if answered in ("rows", "groups"):
        # A cursor of rows is a place in them, not a number: rows come and go while somebody reads.
        kinds = {"cursor": _TEXT, "limit": PARAMETERS["limit"]}
        named = [{"name": name, "in": "query", "schema": kinds.get(name, _TEXT)} for name in asked]
        return {"parameters": named, "responses": {"200": _answered("Found", _PAGE)}}
    told: dict[str, Any] = {"responses": {"200": _answered("Found", {"type": "object"})}}
    if answered in ("open", "replay"):
        schema = _WHY if answered == "open" else _AGAIN
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        told["responses"] |= {str(status): _TOLD[status] for status in (413, 415, 429)}
    return told


def posted_described(shape: type[msgspec.Struct], within: Iterable[str]) -> dict[str, Any]:
    """Describe a route that takes a body of a shape and answers what was done."""
    schema = msgspec.json.schema(shape)
    schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    told = {str(status): _TOLD[status] for status in (413, 415, 429)}
    return {
        "parameters": [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in within],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": _answered("Done", {"type": "object"}), **told},
    }


def door_paths(paths: Iterable[str]) -> dict[str, Any]:
    """Describe the doors that take signals in; they are reached past the framework, so that it cannot know them."""
    return {path: {"post": _door(path)} for path in sorted(paths) if len(path.rpartition("/")[2]) > 1}


def _door(path: str) -> dict[str, Any]:
    name = path.rpartition("/")[2]
    schema: dict[str, Any] = _CALL
    if name in _OTLP:
        schema = {"type": "object", "properties": {_OTLP[name]: {"type": "array"}}}
    elif name in ("batch", "import"):
        schema = _BATCH
    elif name == "signals":
        schema = {"anyOf": [_SIGNAL, {"type": "array", "items": _SIGNAL}]}
    return {
        "summary": f"Take {name} in; answered when durable",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "parameters": [
            {"name": "source", "in": "query", "schema": _TEXT},
            {"name": "channel", "in": "query", "schema": _TEXT},
        ],
        "responses": {
            "200": {
                "description": "Durable",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            **{str(status): told for status, told in _TOLD.items()},
        },
    }
