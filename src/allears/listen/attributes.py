"""The OpenTelemetry attribute names that Allears reads: one table, one version.

Names come and go between versions of the semantic conventions. For each meaning the current name stands first,
older ones after it; the first that a record carries counts. https://opentelemetry.io/docs/specs/semconv/
"""

from __future__ import annotations

SEMCONV = "1.44.0"

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

# Events of browsers and apps. A crash is a failure whatever its severity; a vital fails when its rating is poor.
CRASHES = ("app.crash", "device.crash")
VITALS = ("browser.web_vital",)
# Before 1.36 a vital's fields stood in the body of its log record, without a prefix.
VITAL_NAME = ("browser.web_vital.name", "name")
VITAL_VALUE = ("browser.web_vital.value", "value")
VITAL_RATING = ("browser.web_vital.rating", "rating")
# From where on a vital is poor (milliseconds; a share for cls), for senders that give no rating. https://web.dev/articles/vitals
POOR_FROM = {"lcp": 4000.0, "inp": 500.0, "fcp": 3000.0, "ttfb": 1800.0, "cls": 0.25}
WITHOUT_UNIT = ("cls",)

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
