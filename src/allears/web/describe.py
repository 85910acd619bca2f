"""What the OpenAPI description says beyond the routes: what may be asked, how it is answered, and the doors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from allears.web.answered import answer_of

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
# A cursor of refused rows is a place in them, not a number: rows come and go while somebody reads.
REFUSED_PARAMETERS = {"source": _TEXT, "reason": _TEXT, "cursor": _TEXT, "limit": PARAMETERS["limit"]}


def _answered(what: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": what, "content": {"application/json": {"schema": schema}}}


ERRORS: dict[int | str, dict[str, Any]] = {
    400: _answered("What was asked is wrong; `place` says where", _ERROR),
    401: _answered("No key, or one nobody knows", _ERROR),
    403: _answered("No role allows it", _ERROR),
    404: _answered("There is no such thing", _ERROR),
    421: _answered("Not a name of this server", _ERROR),
    429: _answered("The key asks more often than it may; try again after Retry-After", _ERROR),
    503: _answered("Too little to answer from yet, or busy: try again", _ERROR),
}
POSTED: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    413: _answered("The body is too large", _ERROR),
    415: _answered("The body is no JSON by its content type", _ERROR),
}
_TOLD: dict[int | str, dict[str, Any]] = {
    **{status: told for status, told in POSTED.items() if status not in (404, 421)},
    408: _answered("The body came too slowly", _ERROR),
    415: _answered("Neither gzip nor plain", _ERROR),
    429: _answered("No room just now: nothing was taken; try again after Retry-After", _ERROR),
}
_TAKEN = {
    "type": "object",
    "required": ["success", "accepted", "refused", "reasons"],
    "properties": {
        "success": {"type": "boolean"},
        "accepted": {"type": "integer"},
        "refused": {"type": "integer"},
        "reasons": {"type": "array", "items": {"type": "object", "required": ["reason", "place"]}},
    },
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
_OTLP = {"traces": "resourceSpans", "metrics": "resourceMetrics", "logs": "resourceLogs"}


def described(path: str, asked: Mapping[str, Any], *, paged: bool) -> dict[str, Any]:
    """Describe what a question may be asked with and how it is answered."""
    named = [{"name": name, "in": "query", "schema": schema} for name, schema in asked.items()]
    found = _answered("Found", answer_of(f"GET {path}", paged=paged))
    return {"parameters": [*named, *_within(path)], "responses": {"200": found}}


def posted_described(path: str, shape: type[msgspec.Struct]) -> dict[str, Any]:
    """Describe a route that takes a body of a shape and answers what was done."""
    schema = msgspec.json.schema(shape)
    schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    return {
        "parameters": _within(path),
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": _answered("Done", answer_of(f"POST {path}"))},
    }


def _within(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in re.findall(r"{(\w+)}", path)
    ]


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
            "200": _answered("Durable", {"type": "object"} if name in _OTLP else _TAKEN),
            **{str(status): told for status, told in _TOLD.items()},
        },
    }
