"""The OpenTelemetry attribute names that Allears reads: one table, one version.

Names come and go between versions of the semantic conventions. For each meaning the current name stands first,
older ones after it; the first that a record carries counts. https://opentelemetry.io/docs/specs/semconv/
"""

from __future__ import annotations

SEMCONV = "1.38.0"

SERVICE = ("service.name",)
RELEASE = ("service.version", "app.version", "telemetry.app.version")
PLATFORM = ("os.name", "os.type", "browser.platform")
REGION = (
    "cloud.region",
    "geo.region.iso_code",
    "client.geo.region_iso_code",
    "geo.country.iso_code",
    "region",
)
PARTNER = ("partner", "carrier", "peer.partner")
STATUS_CODE = ("http.response.status_code", "http.status_code")
DURATION_MS = ("duration_ms",)
EVENT_NAME = ("event.name",)
EXCEPTION = ("exception.type", "error.type")
SDK_LANGUAGE = ("telemetry.sdk.language",)

# Attribute to identifier type. enduser.id is the name a person logs in with; a session stands for an unknown one.
IDENTIFIERS = (
    ("user.id", "user_id"),
    ("enduser.id", "user_id"),
    ("enduser.pseudo.id", "anonymous_id"),
    ("session.id", "anonymous_id"),
    ("device.id", "device"),
    ("app.installation.id", "device"),
    ("user.email", "email"),
)
PERSONAL = (("user.full_name", "name"), ("user.name", "handle"), ("user.email", "email"))
ACCOUNT = ("account.id", "tenant.id", "enduser.org")

# Said by the machine, of no use to anybody who answers for customers.
DROPPED = (
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.sdk.language",
    "process.command_args",
    "process.pid",
)
