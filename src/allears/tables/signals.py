"""``signals``: one row for each thing a customer said, did, met or told us. And ``arrivals``: the same before guarding."""

from __future__ import annotations

import pyarrow as pa

from allears.tables.column import TEXTS, TIME, Column, Table

KINDS = ("feedback", "event", "telemetry", "profile")
CHANNELS = (
    "email",
    "sms",
    "chat",
    "social",
    "review",
    "survey",
    "call",
    "web",
    "app",
    "ticket",
    "video",
    "store",
)
RELATIONSHIPS = ("consumer", "employee", "partner")
SCALES = ("nps-0-10", "stars-1-5", "csat-1-5", "ces-1-7", "trustid-1-7")

_SHARED_HEAD = (
    Column(
        "signal_id",
        pa.string(),
        "idempotency key: the sender's message id, else a hash of source and content",
    ),
    Column("occurred_at", TIME, "when it happened"),
    Column("received_at", TIME, "when we stored it"),
    Column("kind", pa.string(), "feedback (said), event (did), telemetry (met), profile (told)"),
    Column(
        "channel",
        pa.string(),
        "email, sms, chat, social, review, survey, call, web, app, ticket, video, store",
    ),
    Column("source", pa.string(), "the configured source, such as zendesk-eu"),
    Column("name", pa.string(), "event name, survey question id, span name"),
    Column("direction", pa.string(), "in: from the customer; out: from the company to the customer"),
)
_SHARED_FACTS = (
    Column("rating", pa.float64(), "0-1 normalised, 1 is good"),
    Column(
        "rating_scale", pa.string(), "which scale it was: nps-0-10, stars-1-5, csat-1-5, ces-1-7, trustid-1-7"
    ),
    Column("reach", pa.int64(), "followers, views or shares at the time"),
    Column("service", pa.string(), "the service met, for telemetry and events about one"),
    Column("ok", pa.bool_(), "whether it worked, for telemetry"),
    Column("duration_ms", pa.float64(), "how long it took, milliseconds"),
    Column("release", pa.string(), "app or service version"),
    Column("platform", pa.string(), "ios, android, web, or another named platform"),
    Column("region", pa.string(), "where, as the sender names it"),
    Column(
        "partner", pa.string(), "the business partner involved, such as a carrier; a firm, never a person"
    ),
)

ARRIVALS = Table(
    "arrivals",
    "What listen makes of a payload, before anything is guarded. Lives in memory and in the sealed inbox only.",
    (
        *_SHARED_HEAD,
        Column(
            "identifiers",
            pa.list_(pa.struct([("type", pa.string()), ("value", pa.string())])),
            "who: email, phone, user_id, anonymous_id, handle, account, device; values in clear",
        ),
        Column(
            "personal",
            pa.list_(pa.struct([("type", pa.string()), ("value", pa.string())])),
            "what this payload tells about the person: name, handle, address, email, phone, birthday; values in clear",
        ),
        Column(
            "relationship", pa.string(), "consumer, employee, partner where the payload says so, else null"
        ),
        Column("account", pa.string(), "organisation, in clear"),
        Column("thread", pa.string(), "conversation id"),
        Column("text", pa.string(), "as written"),
        *_SHARED_FACTS,
        Column("properties", pa.string(), "the rest, JSON object, in clear"),
    ),
)

SIGNALS = Table(
    "signals",
    "One row for each thing a customer said, did, met or told us. Append-only, partitioned by day of occurred_at.",
    (
        *_SHARED_HEAD,
        Column(
            "identifiers",
            pa.list_(pa.struct([("type", pa.string()), ("digest", pa.string())])),
            "keyed digests (HMAC-SHA256, 32 hex digits), never the value",
        ),
        Column(
            "customer_key", pa.string(), "the identity component when it arrived; join identities for today's"
        ),
        Column("relationship", pa.string(), "consumer, employee, partner"),
        Column("account", pa.string(), "organisation, pseudonymous"),
        Column("thread", pa.string(), "conversation id, a keyed digest"),
        Column("text", pa.string(), "redacted text, typed placeholders such as <EMAIL_1>"),
        Column(
            "sealed",
            pa.binary(),
            "the original text and personal fields, AES-256-GCM under that customer's own key",
        ),
        Column("language", pa.string(), "ISO 639-1"),
        Column("language_p", pa.float64(), "certainty 0-1"),
        Column("sentiment", pa.float64(), "-1..1"),
        Column("sentiment_p", pa.float64(), "certainty 0-1"),
        Column("topics", TEXTS, "stable topic ids"),
        *_SHARED_FACTS,
        Column("properties", pa.string(), "the rest, JSON object, redacted"),
        Column("day", pa.string(), "YYYY-MM-DD of occurred_at in UTC: the partition"),
    ),
)
