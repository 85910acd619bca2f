"""OpenTelemetry over HTTP, answered as its specification says, in the encoding of the request.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

from typing import Any

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from starlette.routing import BaseRoute, Route

from allears.errors import Refused
from allears.journey.take import Admitted, Receipt
from allears.web.door import JSON, Door
from allears.web.errors import status_of
from allears.web.intake import Intake, Sent

PROTOBUF = b"application/x-protobuf"
ANSWERS: dict[str, tuple[Any, str, str]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
}
# google.rpc.Code for the statuses a door answers.
CODES = {400: 3, 401: 16, 403: 7, 408: 4, 413: 8, 415: 3, 429: 8, 500: 13, 503: 14}


def otlp_routes(intake: Intake) -> list[BaseRoute]:
    """List the routes of OpenTelemetry's signals."""
    return [Route(f"/v1/{signal}", OtlpDoor(intake, signal)) for signal in ANSWERS]


class OtlpDoor(Door):
    """Traces, metrics or logs.

    Parameters
    ----------
    signal
        Which of them.
    """

    def __init__(self, intake: Intake, signal: str) -> None:
        super().__init__(intake)
        self._signal = signal

    def prepare(self, body: bytes) -> tuple[str, bytes]:
        """Pass the body as it is."""
        return f"otlp-{self._signal}", body

    def _admit(self, sent: Sent, body: bytes) -> Admitted:
        """Let an empty protobuf message in, which is a request without telemetry; no bytes are no JSON."""
        if not body and not _is_binary(sent.told):
            raise Refused("the body is empty", place="$")
        return super()._admit(sent, body)

    def reply(self, receipt: Receipt, told: dict[bytes, bytes]) -> tuple[bytes, bytes]:
        """Say how many records were not taken; a body that is no export at all is a bad request."""
        message, field, camel = ANSWERS[self._signal]
        first = receipt.reasons[0] if receipt.reasons else {"reason": "", "place": ""}
        if receipt.refused and not receipt.accepted and "[" not in first["place"]:
            raise Refused(first["reason"], place=first["place"])
        if _is_binary(told):
            answered = message()
            if receipt.refused:
                setattr(answered.partial_success, field, receipt.refused)
                answered.partial_success.error_message = f"{first['reason']} - at {first['place']}"
            return PROTOBUF, answered.SerializeToString()
        partial = {camel: str(receipt.refused), "errorMessage": f"{first['reason']} - at {first['place']}"}
        return JSON, msgspec.json.encode({"partialSuccess": partial} if receipt.refused else {})

    def complain(self, error: Exception, told: dict[bytes, bytes]) -> tuple[int, bytes, bytes]:
        """Answer an error as a ``google.rpc.Status``."""
        status, content = status_of(error)
        found = content["error"]
        text = f"{found['message']} - at {found['place']}" if found["place"] else found["message"]
        code = CODES.get(status, 2)
        if _is_binary(told):
            # A Status is {1: code, 2: message}; this message has the same two fields under other names.
            return (
                status,
                PROTOBUF,
                ExportTracePartialSuccess(rejected_spans=code, error_message=text).SerializeToString(),
            )
        return status, JSON, msgspec.json.encode({"code": code, "message": text, "error": found})


def _is_binary(told: dict[bytes, bytes]) -> bool:
    return b"protobuf" in told.get(b"content-type", b"")
