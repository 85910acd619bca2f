"""Names that vendors give to their columns, and how to read such names."""

from __future__ import annotations

import re
from functools import lru_cache

# Leaves that say nothing by themselves: the name above them counts.
_EMPTY_LEAVES = frozenset(("label", "value", "plain", "rendered", "seconds", "text_body", "_", "$t", "0"))
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^a-z0-9]+")

TEXT: dict[str, float] = {
    "full_text": 12, "text_original": 12, "narrative": 11, "verbatim": 11, "review_text": 11, "feedback": 9, "text": 10,
    "body": 9.5, "message": 9, "content": 9, "comment": 9.5, "comments": 9, "review": 9, "tweet": 9, "utterance": 8,
    "text_display": 8, "snippet": 7, "complaint": 8, "transcript": 8, "answer": 6, "question": 5, "description": 6,
    "message_text": 10, "comment_text": 10, "review_body": 10, "note": 4, "notes": 4, "summary": 4, "title": 3,
    "subject": 3, "caption": 6, "reason": 1.5, "query": 5, "post": 6, "response_text": 6,
}  # fmt: skip
TIME: dict[str, float] = {
    "occurred_at": 10, "created_at": 9, "created": 8.5, "created_time": 9, "create_time": 9, "created_utc": 9,
    "published_at": 8.5, "published": 8, "submitted_at": 9, "timestamp": 9, "datetime": 8.5, "date_time": 8.5,
    "tweet_created": 9, "date_created": 9, "date_received": 8.5, "posted_at": 9, "sent_at": 7.5, "received_at": 6,
    "time": 7.5, "date": 8, "ts": 8, "event_time": 7, "event_ts": 6, "when": 7, "occurred": 9, "updated_at": 4,
    "updated": 5, "update_time": 4, "last_modified": 6, "modified": 4, "date_updated": 4, "day": 4, "month": 1,
    "landed_at": 3, "indexed_at": 3, "initiated_at": 4,
}  # fmt: skip
ID: dict[str, float] = {
    "signal_id": 10, "message_id": 9.5, "id": 8, "_id": 8, "id_str": 9, "uuid": 8, "guid": 8, "tweet_id": 9.5, "mid": 9,
    "review_id": 9.5, "comment_id": 9, "post_id": 8, "response_id": 9, "survey_id": 5, "event_id": 8.5, "token": 4,
    "sms_message_sid": 7, "message_sid": 9, "sid": 7, "ticket_id": 6, "case_id": 7, "complaint_id": 9, "call_id": 8,
    "client_msg_id": 8, "uri": 5, "ts": 2, "": 5, "index": 4, "row": 4, "row_id": 6, "order_id": 3, "number": 3,
    "delivery_id": 5, "reference": 4, "key": 3, "unique_id": 9, "record_id": 8,
}  # fmt: skip
IDENTIFIERS = {
    "email": "email", "e_mail": "email", "email_address": "email", "mail": "email", "from_email": "email", "customer_email": "email",
    "phone": "phone", "phone_number": "phone", "mobile": "phone", "msisdn": "phone", "telephone": "phone", "wa_id": "phone",
    "username": "handle", "user_name": "handle", "screen_name": "handle", "handle": "handle", "acct": "handle",
    "author": "handle", "author_display_name": "handle", "nickname": "handle", "login": "handle", "twitter_handle": "handle",
    "user_id": "user_id", "customer_id": "user_id", "author_id": "user_id", "requester_id": "user_id", "uid": "user_id",
    "client_id": "user_id", "member_id": "user_id", "contact_id": "user_id", "reviewer_id": "user_id", "userid": "user_id",
    "subscriber_id": "user_id", "customer": "user_id", "did": "user_id", "psid": "user_id", "reviewer": "handle",
    "anonymous_id": "anonymous_id", "visitor_id": "anonymous_id", "cookie_id": "anonymous_id", "client": "handle",
    "device_id": "device", "user": "user_id", "account_number": "user_id", "customer_number": "user_id", "author_name": "handle",
}  # fmt: skip
PERSONAL = {
    "name": "name", "full_name": "name", "display_name": "name", "first_name": "name", "last_name": "name", "given_name": "name",
    "surname": "name", "family_name": "name", "customer_name": "name", "author_name": "name", "reviewer_name": "name", "user_name": "name",
    "from_name": "name", "contact_name": "name", "birthday": "birthday", "date_of_birth": "birthday", "dob": "birthday",
    "address": "address", "street": "address", "street_address": "address", "address1": "address", "address_line1": "address",
}  # fmt: skip
AUTHORS = frozenset(
    (
        "user", "author", "account", "from", "sender", "reviewer", "contact", "contacts", "customer", "requester", "profile", "client",
        "commenter", "respondent", "item", "payload", "person", "member",
    )
)  # fmt: skip
CUSTOMERS = frozenset(("user", "contact", "contacts", "customer", "requester", "lead", "visitor", "client"))
REACH = frozenset(
    (
        "followers", "followers_count", "follower_count", "retweet_count", "retweets", "like_count", "likes", "favorite_count",
        "favourites_count", "favorites", "reblogs_count", "view_count", "views", "share_count", "shares", "reposts", "repost_count",
        "reply_count", "thumbs_up_count", "ups", "upvotes", "impressions", "reach", "vote_count", "quote_count",
    )
)  # fmt: skip
THREAD: dict[str, float] = {
    "thread": 9, "thread_id": 10, "conversation_id": 10, "conversation": 7, "ticket_id": 9, "case_id": 6, "thread_ts": 9, "chat_id": 8,
    "link_id": 6, "root_id": 8, "discussion_id": 8, "video_id": 4, "display_id": 4,
}  # fmt: skip
REPLY: dict[str, float] = {
    "in_reply_to": 9, "in_reply_to_id": 10, "in_response_to_tweet_id": 10, "in_reply_to_status_id": 10, "in_reply_to_status_id_str": 10,
    "in_response_to": 9, "reply_to": 8, "reply_to_id": 9, "parent_id": 8, "parent_tweet_id": 9, "replied_to_id": 9, "in_reply_to_tweet_id": 10,
}  # fmt: skip
DIRECTION: dict[str, float] = {
    "inbound": 10, "is_inbound": 10, "incoming": 9, "direction": 9, "message_type": 6, "author_type": 8, "sender_type": 8, "role": 7,
    "author_role": 9, "sender_role": 9, "speaker": 6, "from_type": 7,
}  # fmt: skip
OUT_WORDS = frozenset(
    (
        "agent", "company", "brand", "admin", "staff", "operator", "bot", "out", "outbound", "outgoing", "representative", "support",
        "assistant", "system", "team", "employee",
    )
)  # fmt: skip
IN_WORDS = frozenset(
    (
        "customer",
        "user",
        "client",
        "in",
        "inbound",
        "incoming",
        "consumer",
        "visitor",
        "contact",
        "end_user",
        "lead",
        "caller",
    )
)
NAME: dict[str, float] = {
    "event": 9, "event_name": 10, "event_type": 8, "action": 6, "issue": 6, "category": 5, "intent": 5, "topic": 5, "metric": 6, "type": 3,
    "activity": 6, "reason": 3, "status": 2.5,
}  # fmt: skip
FACETS = {
    "release": ("release", "app_version", "app_version_name", "version_name", "version", "service_version", "reviewer_version"),
    "platform": ("platform", "os", "os_name", "operating_system"),
    "region": ("region", "state", "country", "country_code", "province", "region_name", "market"),
    "partner": ("partner", "carrier", "courier", "supplier", "partner_name", "carrier_name"),
    "service": ("service", "service_name", "endpoint"),
    "ok": ("ok", "success", "succeeded"),
    "duration_ms": ("duration_ms", "latency_ms", "response_time_ms"),
    "account": ("account_name", "organization", "organisation", "organization_id", "company_id"),
    "relationship": ("relationship", "customer_type", "user_type"),
}  # fmt: skip
RATING: dict[str, float] = {
    "rating": 9, "stars": 9.5, "star_rating": 10, "nps": 10, "nps_score": 10, "csat": 10, "csat_score": 10, "ces": 10, "ces_score": 10,
    "score": 6, "overall": 7, "overall_rating": 9, "satisfaction": 8, "satisfaction_score": 9, "effort": 7, "effort_score": 9,
    "likelihood_to_recommend": 10, "im_rating": 10, "review_rating": 10, "recommendation_type": 5, "satisfaction_rating": 8,
}  # fmt: skip
# Names inside a path that say: this was written by the company, or about something else.
NOT_SAID = frozenset(
    (
        "developer_comment", "review_reply", "reply", "agent", "bio", "admin", "assignee", "agent_url", "html", "card", "attachments",
        "link_title", "url", "avatar", "media", "definition", "integrations", "links", "via", "viewer", "quoted", "meta", "metadata",
        "header", "headers", "referral", "blocks", "hidden", "buttons",
    )
)  # fmt: skip
# What a sender knows of a customer or shows to one; written, but not by the customer.
NOT_TEXT = frozenset(("traits", "campaign", "view", "button_text"))
# Last words of names that hold ids, counts and kinds, whatever stands before.
NOT_WORDS = frozenset(
    (
        "id",
        "ids",
        "url",
        "uri",
        "type",
        "count",
        "at",
        "ts",
        "name",
        "lang",
        "language",
        "sid",
        "token",
        "status",
        "date",
    )
)
NOT_ABOUT_IT = frozenset(
    (
        "user", "author", "account", "profile", "birthday", "birth", "due", "expires", "sent_to", "query", "assignee", "admin",
        "app", "form", "definition", "developer_comment", "review_reply", "card", "viewer", "bot_profile", "application", "hidden",
        "mentions", "user_mentions", "icons", "authorizations", "company", "companies", "parent", "root", "link_author",
    )
)  # fmt: skip

# Their ids are those of a question, or of a message that something happened to: many rows share one.
NOT_ITS_ID = frozenset(("field", "statuses", "reaction", "recipient"))

# Names among the columns that give the channel away; the first that fits counts.
CHANNEL_MARKS: tuple[tuple[set[str], str], ...] = (
    ({"tweet", "retweet", "reblogs", "hashtags", "subreddit", "acct", "reposts", "verb", "langs"}, "social"),
    ({"media_product_type", "quote_count", "retweet_count", "media_product"}, "social"),
    ({"zendesk_event_version", "ticket_id", "ticket_events", "requester"}, "ticket"),
    ({"channel_type", "api_app_id", "event_ts"}, "chat"),
    ({"sms", "msisdn"}, "sms"),
    ({"wa", "whatsapp", "messaging", "conversation", "chat", "mid"}, "chat"),
    ({"video"}, "video"),
    ({"ticket", "requester", "narrative", "complaint"}, "ticket"),
    ({"review", "reviewer", "stars"}, "review"),
    ({"survey", "answers", "respondent"}, "survey"),
    ({"call", "transcript"}, "call"),
)


@lru_cache(maxsize=8192)
def snake(name: str) -> str:
    """Write a name in lower case with underscores.

    Examples
    --------
    >>> snake("starRating"), snake("Date received"), snake("im:rating"), snake("$type")
    ('star_rating', 'date_received', 'im_rating', 'type')
    """
    return _OTHER.sub("_", _CAMEL.sub("_", name).lower()).strip("_")


@lru_cache(maxsize=8192)
def read_path(path: str) -> tuple[str, tuple[str, ...]]:
    """Tell the meaningful last name of a path, and the names above it.

    Examples
    --------
    >>> read_path("feed.im:rating.label")
    ('im_rating', ('feed',))
    >>> read_path("comments.0.userComment.lastModified.seconds")
    ('last_modified', ('comments', 'user_comment'))
    """
    parts = [snake(part) for part in path.split(".") if not part.isdigit()]
    if not parts:
        return "", ()
    while len(parts) > 1 and parts[-1] in _EMPTY_LEAVES:
        parts.pop()
    # {"message": {"text": {"body": ...}}}: the last name is the right one already.
    return parts[-1], tuple(parts[:-1])
