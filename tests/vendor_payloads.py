"""What vendors post, written by us after their documentation: a message, its edit and its delete where there are such.

Each case: vendor, body, what must come out. ``id`` is the signal's id without its source; edits and deletes of one
vendor name the id of its first message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

NOW = 1_780_300_800  # 2026-06-01T08:00:00Z
ISO = "2026-06-01T08:00:00Z"
LATER = "2026-06-01T08:05:00Z"
TEXT, BETTER = "The kettle arrived with a crack", "The kettle arrived with a crack, and the lid is missing"


@dataclass(frozen=True)
class Case:
    vendor: str
    does: str  # create, edit, delete, ignore
    body: bytes
    id: str | None = None
    wants: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    who: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return f"{self.vendor} {self.does}"


def case(
    vendor: str,
    does: str,
    document: Any,
    id: str | None = None,
    *,
    who: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    form: str = "json",
    **wants: Any,
) -> Case:
    body, kind = json.dumps(document).encode(), "application/json"
    if form == "form":
        body, kind = urlencode(document).encode(), "application/x-www-form-urlencoded"
    elif form == "xml":
        body, kind = document.encode(), "text/xml; charset=utf-8"
    return Case(vendor, does, body, id, wants, headers or {}, kind, tuple((who or {}).items()))


def zendesk(kind: str, **event: Any) -> dict[str, Any]:
    detail = {
        "id": "88",
        "subject": "Kettle",
        "via": {"channel": "email"},
        "requester_id": "4001",
        "created_at": ISO,
    }
    detail |= event.pop("detail", {})
    return {
        "type": f"zen:event-type:ticket.{kind}",
        "id": f"ev-{kind}",
        "time": ISO,
        "detail": detail,
        "event": event,
    }


def comment(**more: Any) -> dict[str, Any]:
    author = {"id": "4001", "is_staff": False, "name": "Ilse Brand"}
    return {"id": "9", "body": TEXT, "is_public": True, "author": author} | more


def intercom(topic: str, item: dict[str, Any]) -> dict[str, Any]:
    held = {
        "type": "conversation",
        "id": "c1",
        "created_at": NOW,
        "contacts": {"contacts": [{"id": "ic-5", "external_id": "u-5"}]},
        "source": {
            "id": "m1",
            "type": "conversation",
            "body": f"<p>{TEXT}</p>",
            "author": {"type": "user", "email": "ilse@example.com"},
        },
    }
    return {"topic": topic, "id": f"n-{topic}", "created_at": NOW, "data": {"item": held | item}}


def parts(*given: dict[str, Any]) -> dict[str, Any]:
    return {"conversation_parts": {"conversation_parts": list(given)}}


def front(kind: str, **message: Any) -> dict[str, Any]:
    data = {"id": "msg_1", "type": "email", "is_inbound": True, "created_at": NOW, "text": TEXT} | message
    return {
        "type": kind,
        "payload": {
            "type": "inbound" if data["is_inbound"] else "outbound",
            "emitted_at": NOW,
            "conversation": {
                "id": "cnv_1",
                "subject": "Kettle",
                "recipient": {"handle": "ilse@example.com", "name": "Ilse Brand"},
            },
            "target": {"data": data},
        },
    }


def soap(*cases: str) -> str:
    found = "".join(
        f'<Notification><Id>04l{n}</Id><sObject xsi:type="sf:Case" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{c}</sObject></Notification>'
        for n, c in enumerate(cases)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D</OrganizationId>'
        f"<SessionId>secret-session</SessionId>{found}</notifications></soapenv:Body></soapenv:Envelope>"
    )


def sf(id: str, changed: str = ISO, deleted: str = "false", text: str = TEXT) -> str:
    return (
        f"<sf:Id>{id}</sf:Id><sf:Subject>Kettle</sf:Subject><sf:Description>{text}</sf:Description>"
        f"<sf:SuppliedEmail>ilse@example.com</sf:SuppliedEmail><sf:Origin>Email</sf:Origin><sf:CreatedDate>{ISO}</sf:CreatedDate>"
        f"<sf:SystemModstamp>{changed}</sf:SystemModstamp><sf:IsDeleted>{deleted}</sf:IsDeleted>"
    )


def slack(**event: Any) -> dict[str, Any]:
    return {
        "type": "event_callback",
        "team_id": "T1",
        "event_id": "Ev1",
        "event": {"type": "message", "channel": "C1"} | event,
    }


def meta(object: str, **entry: Any) -> dict[str, Any]:
    return {"object": object, "entry": [{"id": "page-1", "time": NOW} | entry]}


def whatsapp(**message: Any) -> dict[str, Any]:
    told = {
        "from": "447700900123",
        "id": "wamid.1",
        "timestamp": str(NOW),
        "type": "text",
        "text": {"body": TEXT},
    } | message
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": "1050"},
        "contacts": [{"profile": {"name": "Ilse"}, "wa_id": "447700900123"}],
        "messages": [told],
    }
    return meta("whatsapp_business_account", changes=[{"field": "messages", "value": value}])


def messenger(object: str, **event: Any) -> dict[str, Any]:
    held = {"sender": {"id": "ps-7"}, "recipient": {"id": "page-1"}, "timestamp": NOW * 1000} | event
    return meta(object, messaging=[held])


def feed(field: str, **value: Any) -> dict[str, Any]:
    told = {
        "item": "comment",
        "verb": "add",
        "comment_id": "p1_c1",
        "post_id": "p1",
        "message": TEXT,
        "created_time": NOW,
    }
    return meta(
        "page",
        changes=[{"field": field, "value": told | {"from": {"id": "fb-8", "name": "Ilse Brand"}} | value}],
    )


def telegram(kind: str, **message: Any) -> dict[str, Any]:
    told = {
        "message_id": 3,
        "date": NOW,
        "chat": {"id": -20, "type": "group"},
        "from": {"id": 77, "first_name": "Ilse"},
        "text": TEXT,
    }
    return {"update_id": 1, kind: told | message}


def lobby(kind: str, **message: Any) -> dict[str, Any]:
    told = {
        "id": "501",
        "content": TEXT,
        "lobby_id": "l1",
        "timestamp": ISO,
        "author": {"id": "601", "username": "ilse"},
    }
    return {
        "version": 1,
        "application_id": "1",
        "type": 1,
        "event": {"type": kind, "timestamp": ISO, "data": told | message},
    }


def chatwoot(event: str, **message: Any) -> dict[str, Any]:
    held = {
        "event": event,
        "id": 31,
        "content": TEXT,
        "message_type": "incoming",
        "created_at": ISO,
        "account": {"id": 2},
        "sender": {"id": 9},
        "conversation": {
            "id": 12,
            "channel": "Channel::WebWidget",
            "meta": {"sender": {"id": 9, "identifier": "u-5", "email": "ilse@example.com", "name": "Ilse"}},
        },
    }
    return held | message


def typeform(**more: Any) -> dict[str, Any]:
    answers = [
        {"type": "text", "text": TEXT, "field": {"id": "a", "type": "long_text"}},
        {"type": "number", "number": 3, "field": {"id": "b", "type": "nps"}},
        {"type": "email", "email": "ilse@example.com", "field": {"id": "c", "type": "email"}},
    ]
    sheet = {
        "form_id": "f1",
        "token": "tok-1",
        "submitted_at": ISO,
        "hidden": {"user_id": "u-5", "release": "4.2"},
        "answers": answers,
    }
    return {"event_id": "e1", "event_type": "form_response", "form_response": sheet | more}


def monkey(event: str) -> dict[str, Any]:
    return {
        "event_type": event,
        "event_id": f"e-{event}",
        "event_datetime": ISO,
        "object_type": "response",
        "object_id": "r1",
        "resources": {"survey_id": "s1", "respondent_id": "p1"},
    }


def formbricks(event: str, at: str, text: str) -> dict[str, Any]:
    data = {
        "id": "fr1",
        "createdAt": ISO,
        "updatedAt": at,
        "surveyId": "s1",
        "finished": event == "responseFinished",
        "data": {"q1": text, "nps": 8},
        "contact": {"id": "ct1", "userId": "u-5"},
    }
    return {"webhookId": "w1", "event": event, "data": data}


def trustpilot(event: str, text: str = TEXT) -> dict[str, Any]:
    data = {
        "id": "rv1",
        "stars": 2,
        "title": "Cracked",
        "text": text,
        "createdAt": ISO,
        "consumer": {"id": "tc1", "name": "Ilse B"},
    }
    return {"events": [{"eventName": event, "version": "1", "eventData": data}]}


def github(action: str, thing: str = "comment", **more: Any) -> dict[str, Any]:
    user = {"login": "ilse-b", "type": "User"}
    issue = {
        "node_id": "I_1",
        "number": 4,
        "title": "Crack",
        "body": TEXT,
        "created_at": ISO,
        "updated_at": LATER,
        "user": user,
        "labels": [{"name": "bug"}],
    }
    told: dict[str, Any] = {
        "action": action,
        "issue": issue,
        "repository": {"name": "kettle"},
        "sender": user,
    }
    if thing == "comment":
        told["comment"] = {
            "node_id": "IC_1",
            "body": TEXT,
            "created_at": ISO,
            "updated_at": LATER,
            "user": user,
            "author_association": "NONE",
        } | more
    return told


def stripe(kind: str, **held: Any) -> dict[str, Any]:
    return {"id": f"evt_{kind}", "object": "event", "type": kind, "created": NOW, "data": {"object": held}}


def shopify(**more: Any) -> dict[str, Any]:
    return {
        "id": 700,
        "created_at": ISO,
        "updated_at": ISO,
        "note": TEXT,
        "email": "ilse@example.com",
        "customer": {"id": 71, "first_name": "Ilse", "last_name": "Brand"},
        "total_price": "20.00",
    } | more


def topic(name: str) -> dict[str, str]:
    return {"x-shopify-topic": name}


SMS = {
    "MessageSid": "SM1",
    "From": "+447700900123",
    "To": "+447700900999",
    "Body": TEXT,
    "SmsStatus": "received",
    "NumMedia": "0",
    "FromCountry": "GB",
}
FRESH = {
    "ticket_id": 5,
    "ticket_subject": "Kettle",
    "ticket_description": f"<div>{TEXT}</div>",
    "ticket_requester_email": "ilse@example.com",
    "ticket_created_at": ISO,
    "ticket_source": "Email",
}
QUALTRICS = {
    "ResponseID": "R_1",
    "SurveyID": "SV_1",
    "RecordedDate": ISO,
    "Comment": TEXT,
    "NPS": 4,
    "Email": "ilse@example.com",
}
TEAMS = {
    "type": "message",
    "id": "1780300800000",
    "timestamp": ISO,
    "text": f"<p>{TEXT}</p>",
    "conversation": {"id": "19:x"},
    "from": {"aadObjectId": "aad-1", "name": "Ilse"},
}
STATUS = {
    "page": {"id": "pg"},
    "incident": {
        "id": "in1",
        "name": "Payments slow",
        "impact": "minor",
        "incident_updates": [
            {
                "id": "up1",
                "body": "We are looking into slow payments",
                "status": "investigating",
                "created_at": ISO,
            }
        ],
    },
}
RATING = {
    "item": "rating",
    "comment_id": None,
    "post_id": None,
    "open_graph_story_id": "og1",
    "rating": 2,
    "review_text": TEXT,
    "reviewer_id": "fb-8",
}
AUTHOR = {"email": "ilse@example.com"}

CASES = [
    case("zendesk", "create", zendesk("comment_added", comment=comment()), "88:9", text=TEXT, channel="email", who={"handle": "zendesk:4001"}),
    case("zendesk", "delete", zendesk("comment_redacted", comment={"id": "9"}), "88:9"),
    case("zendesk", "create", zendesk("created", detail={"description": TEXT}), "ticket:88", text=f"Kettle\n{TEXT}"),
    case("zendesk", "edit", zendesk("description_changed", detail={"description": BETTER}), "ticket:88", text=f"Kettle\n{BETTER}"),
    case("zendesk", "delete", zendesk("soft_deleted"), "ticket:88"),
    case("zendesk", "create", zendesk("satisfaction_score_changed", current="good"), "ev-satisfaction_score_changed", rating=1.0),
    case("zendesk", "ignore", zendesk("comment_added", comment=comment(is_public=False))),
    case("zendesk", "ignore", zendesk("tags_changed")),
    case("zendesk", "create", {"ticket_id": 88, "comment_id": 12, "comment": TEXT, "requester_email": "ilse@example.com", "created_at": ISO}, "88:12", text=TEXT, who=AUTHOR),
    case("intercom", "create", intercom("conversation.user.created", {}), "m1", text=TEXT, who={"user_id": "u-5", **AUTHOR}),
    case("intercom", "create", intercom("conversation.user.replied", parts({"id": "p2", "part_type": "comment", "body": f"<p>{TEXT}</p>", "created_at": NOW, "author": {"type": "user"}})), "p2", text=TEXT, direction="in"),
    case("intercom", "create", intercom("conversation.admin.replied", parts({"id": "p3", "part_type": "comment", "body": "Sorry!", "created_at": NOW, "author": {"type": "admin"}})), "p3", text="Sorry!", direction="out"),
    case("intercom", "delete", intercom("conversation_part.redacted", parts({"id": "p2", "redacted": True})), "p2"),
    case("intercom", "create", intercom("conversation.rating.added", {"conversation_rating": {"rating": 5, "remark": "Kind", "created_at": NOW}}), "rating:c1", rating=1.0, text="Kind"),
    case("intercom", "ignore", intercom("conversation.admin.noted", {})),
    case("intercom", "ignore", {"topic": "ping", "data": {"item": {}}}),
    case("freshdesk", "create", {"freshdesk_webhook": FRESH}, "5:first", text=f"Kettle\n{TEXT}", channel="email", who=AUTHOR),
    case("freshdesk", "edit", {"freshdesk_webhook": FRESH | {"triggered_event": "ticket_description_updated", "ticket_description": BETTER}}, "5:first", text=f"Kettle\n{BETTER}"),
    case("freshdesk", "delete", {"freshdesk_webhook": FRESH | {"triggered_event": "ticket_deleted"}}, "5:first"),
    case("freshdesk", "create", {"freshdesk_webhook": FRESH | {"ticket_latest_public_comment": "Any news?", "comment_id": 8}}, "5:8", text="Any news?"),
    case("front", "create", front("inbound_received"), "msg_1", text=TEXT, channel="email", who=AUTHOR),
    case("front", "create", front("outbound_sent", id="msg_2", is_inbound=False, text="On its way"), "msg_2", direction="out", text="On its way"),
    case("front", "delete", front("message_deleted"), "msg_1"),
    case("front", "ignore", {"type": "assignee_changed", "payload": {"type": "assign"}}),
    case("hubspot", "create", [{"subscriptionType": "ticket.creation", "eventId": 1, "objectId": 44, "occurredAt": NOW * 1000}], "ticket:44", kind="event"),
    case("hubspot", "edit", [{"subscriptionType": "ticket.propertyChange", "propertyName": "content", "propertyValue": TEXT, "eventId": 2, "objectId": 44, "occurredAt": NOW * 1000}], "ticket:44", text=TEXT),
    case("hubspot", "delete", [{"subscriptionType": "ticket.deletion", "eventId": 3, "objectId": 44, "occurredAt": NOW * 1000}], "ticket:44"),
    case("hubspot", "create", [{"subscriptionType": "contact.propertyChange", "propertyName": "nps_score", "propertyValue": "9", "eventId": 4, "objectId": 51, "occurredAt": NOW * 1000}], "4", rating=0.9),
    case("salesforce", "create", soap(sf("500A")), "500A", form="xml", text=f"Kettle\n{TEXT}", channel="email", who=AUTHOR),
    case("salesforce", "edit", soap(sf("500A", LATER, text=BETTER)), "500A", form="xml", text=f"Kettle\n{BETTER}"),
    case("salesforce", "delete", soap(sf("500A", LATER, "true")), "500A", form="xml"),
    case("slack", "create", slack(user="U5", text=TEXT, ts=f"{NOW}.000100"), f"C1:{NOW}.000100", text=TEXT, who={"handle": "slack:U5"}),
    case("slack", "edit", slack(subtype="message_changed", event_ts=f"{NOW + 9}.0", message={"user": "U5", "text": BETTER, "ts": f"{NOW}.000100", "edited": {"ts": f"{NOW + 9}.0"}}), f"C1:{NOW}.000100", text=BETTER),
    case("slack", "delete", slack(subtype="message_deleted", deleted_ts=f"{NOW}.000100", ts=f"{NOW + 10}.0"), f"C1:{NOW}.000100"),
    case("slack", "ignore", slack(type="reaction_added", user="U5", reaction="eyes")),
    case("slack", "ignore", slack(bot_id="B1", text="I am a bot", ts="1.0")),
    case("teams", "create", TEAMS, "19:x:1780300800000", text=TEXT, who={"handle": "teams:aad-1"}),
    case("teams", "edit", TEAMS | {"type": "messageUpdate", "timestamp": LATER, "text": BETTER, "channelData": {"eventType": "editMessage"}}, "19:x:1780300800000", text=BETTER),
    case("teams", "delete", TEAMS | {"type": "messageDelete", "timestamp": LATER, "channelData": {"eventType": "softDeleteMessage"}}, "19:x:1780300800000"),
    case("twilio", "create", SMS, "SM1", form="form", text=TEXT, channel="sms", who={"phone": "+447700900123"}),
    case("twilio", "create", SMS | {"MessageSid": "SM2", "From": "whatsapp:+447700900123"}, "SM2", form="form", channel="chat", who={"phone": "+447700900123"}),
    case("twilio", "ignore", {"MessageSid": "SM3", "MessageStatus": "delivered"}, form="form"),
    case("whatsapp", "create", whatsapp(), "wamid.1", text=TEXT, channel="chat", who={"phone": "+447700900123"}),
    case("whatsapp", "edit", whatsapp(id="wamid.9", type="edit", edit={"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": BETTER}}}), "wamid.1", text=BETTER),
    case("whatsapp", "delete", whatsapp(id="wamid.8", type="revoke", revoke={"original_message_id": "wamid.1"}), "wamid.1"),
    case("whatsapp", "create", whatsapp(id="wamid.2", type="image", text=None, image={"id": "i", "caption": TEXT}), "wamid.2", text=TEXT, name="image"),
    case("whatsapp", "ignore", meta("whatsapp_business_account", changes=[{"field": "messages", "value": {"metadata": {}, "statuses": [{"id": "wamid.1", "status": "read"}]}}])),
    case("facebook", "create", messenger("page", message={"mid": "m_1", "text": TEXT}), "m_1", text=TEXT, channel="chat", who={"handle": "facebook:ps-7"}),
    case("facebook", "edit", messenger("page", message_edit={"mid": "m_1", "text": BETTER, "num_edit": 1}), "m_1", text=BETTER),
    case("facebook", "create", messenger("page", message={"mid": "m_2", "text": "Sorry", "is_echo": True}, sender={"id": "page-1"}, recipient={"id": "ps-7"}), "m_2", direction="out", who={"handle": "facebook:ps-7"}),
    case("facebook", "ignore", messenger("page", read={"watermark": NOW})),
    case("facebook", "create", feed("feed"), "p1_c1", text=TEXT, channel="social", who={"handle": "facebook:fb-8"}),
    case("facebook", "edit", feed("feed", verb="edited", message=BETTER), "p1_c1", text=BETTER),
    case("facebook", "delete", feed("feed", verb="remove", message=None), "p1_c1"),
    case("facebook", "create", feed("ratings", **RATING), "og1", rating=0.25, channel="review"),
    case("facebook", "delete", feed("ratings", **(RATING | {"verb": "remove"})), "og1"),
    case("instagram", "create", meta("instagram", changes=[{"field": "comments", "value": {"id": "ig1", "text": TEXT, "from": {"id": "5", "username": "ilse_b"}, "media": {"id": "md1"}}}]), "ig1", text=TEXT, who={"handle": "instagram:ilse_b"}),
    case("instagram", "create", messenger("instagram", message={"mid": "im_1", "text": TEXT}), "im_1", text=TEXT, channel="chat"),
    case("instagram", "edit", messenger("instagram", message_edit={"mid": "im_1", "text": BETTER, "num_edit": 1}), "im_1", text=BETTER),
    case("instagram", "delete", messenger("instagram", message={"mid": "im_1", "is_deleted": True}), "im_1"),
    case("telegram", "create", telegram("message"), "-20:3", text=TEXT, who={"handle": "telegram:77"}),
    case("telegram", "edit", telegram("edited_message", text=BETTER, edit_date=NOW + 60), "-20:3", text=BETTER),
    case("telegram", "delete", {"update_id": 2, "deleted_business_messages": {"chat": {"id": -20}, "message_ids": [3]}}, "-20:3"),
    case("telegram", "ignore", {"update_id": 3, "my_chat_member": {}}),
    case("discord", "create", lobby("LOBBY_MESSAGE_CREATE"), "501", text=TEXT, who={"handle": "discord:601"}),
    case("discord", "edit", lobby("LOBBY_MESSAGE_UPDATE", content=BETTER, edited_timestamp=LATER), "501", text=BETTER),
    case("discord", "delete", lobby("LOBBY_MESSAGE_DELETE"), "501"),
    case("discord", "create", {"type": 2, "id": "900", "token": "t", "data": {"name": "feedback", "options": [{"name": "text", "type": 3, "value": TEXT}, {"name": "rating", "type": 4, "value": 2}]}, "member": {"user": {"id": "601"}}}, "900", text=TEXT, rating=0.25),
    case("chatwoot", "create", chatwoot("message_created"), "2:31", text=TEXT, who={"user_id": "u-5", **AUTHOR}),
    case("chatwoot", "edit", chatwoot("message_updated", content=BETTER, updated_at=LATER), "2:31", text=BETTER),
    case("chatwoot", "delete", chatwoot("message_updated", content_attributes={"deleted": True}), "2:31"),
    case("chatwoot", "create", chatwoot("message_updated", id=40, content_type="input_csat", message_type="outgoing", content_attributes={"submitted_values": {"csat_survey_response": {"rating": 4, "feedback_message": "Fine"}}}), "csat:2:40", rating=0.75, text="Fine"),
    case("chatwoot", "ignore", chatwoot("message_created", private=True)),
    case("typeform", "create", typeform(), "tok-1", text=TEXT, rating=0.3, rating_scale="nps-0-10", release="4.2", who={"user_id": "u-5", **AUTHOR}),
    case("surveymonkey", "create", monkey("response_completed"), "r1", kind="event"),
    case("surveymonkey", "edit", monkey("response_updated"), "r1", kind="event"),
    case("surveymonkey", "delete", monkey("response_deleted"), "r1"),
    case("qualtrics", "create", QUALTRICS, "R_1", text=TEXT, rating=0.4, who=AUTHOR),
    case("qualtrics", "edit", QUALTRICS | {"Edited": True, "Comment": BETTER}, "R_1", text=BETTER),
    case("qualtrics", "delete", QUALTRICS | {"Deleted": True}, "R_1"),
    case("qualtrics", "create", {"MSG": json.dumps({"ResponseID": "R_2", "SurveyID": "SV_1", "Status": "Complete", "CompletedDate": ISO}), "HMAC": "00"}, "R_2", form="form", name="SV_1"),
    case("formbricks", "create", formbricks("responseCreated", ISO, TEXT), "fr1", text=TEXT, rating=0.8, who={"user_id": "u-5"}),
    case("formbricks", "edit", formbricks("responseFinished", LATER, BETTER), "fr1", text=BETTER),
    case("formbricks", "delete", {"event": "responseDeleted", "data": {"id": "fr1"}}, "fr1"),
    case("trustpilot", "create", trustpilot("service-review-created"), "rv1", text=f"Cracked\n{TEXT}", rating=0.25, channel="review", who={"handle": "trustpilot:tc1"}),
    case("trustpilot", "edit", trustpilot("service-review-updated", BETTER), "rv1", text=f"Cracked\n{BETTER}"),
    case("trustpilot", "delete", trustpilot("service-review-deleted"), "rv1"),
    case("github", "create", github("created"), "IC_1", headers={"x-github-event": "issue_comment"}, text=TEXT, who={"handle": "github:ilse-b"}),
    case("github", "edit", github("edited", body=BETTER), "IC_1", text=BETTER),
    case("github", "delete", github("deleted"), "IC_1"),
    case("github", "create", github("opened", "issue"), "I_1", text=f"Crack\n{TEXT}", service="kettle"),
    case("github", "edit", github("edited", "issue"), "I_1", text=f"Crack\n{TEXT}"),
    case("github", "delete", github("deleted", "issue"), "I_1"),
    case("github", "ignore", {"zen": "Keep it calm", "hook_id": 1}, headers={"x-github-event": "ping"}),
    case("stripe", "create", stripe("charge.dispute.created", id="dp_1", charge="ch_1", reason="product_not_received", evidence={"customer_email_address": "ilse@example.com"}), "evt_charge.dispute.created", kind="event", name="charge.dispute.created", who=AUTHOR),
    case("stripe", "create", stripe("charge.refunded", id="ch_1", customer="cus_1", billing_details={"email": "ilse@example.com"}, amount_refunded=500), "evt_charge.refunded", kind="event", who={"handle": "stripe:cus_1", **AUTHOR}),
    case("stripe", "ignore", stripe("invoice.paid")),
    case("shopify", "create", shopify(), "order:700", headers=topic("orders/create"), text=TEXT, who={"handle": "shopify:71", **AUTHOR}),
    case("shopify", "edit", shopify(note=BETTER, updated_at=LATER), "order:700", headers=topic("orders/updated"), text=BETTER),
    case("shopify", "delete", {"id": 700}, "order:700", headers=topic("orders/delete")),
    case("shopify", "create", {"id": 800, "order_id": 700, "created_at": ISO, "note": "cracked"}, "refund:800", headers=topic("refunds/create"), kind="event", name="refund created"),
    case("pagerduty", "create", {"event": {"id": "pd1", "event_type": "incident.triggered", "occurred_at": ISO, "data": {"id": "Q1", "title": "Checkout errors", "service": {"summary": "checkout"}, "status": "triggered"}}}, "pd1", kind="event", service="checkout", name="incident.triggered"),
    case("pagerduty", "ignore", {"event": {"event_type": "pagey.ping", "data": {"message": "Hello"}}}),
    case("statuspage", "create", STATUS, "up1", text="We are looking into slow payments", direction="out", name="incident investigating"),
    case("statuspage", "create", {"component_update": {"id": "cu1", "created_at": ISO, "old_status": "operational", "new_status": "major_outage"}, "component": {"name": "API"}}, "cu1", kind="event", service="API", name="component major_outage"),
]  # fmt: skip
VENDORS = sorted({one.vendor for one in CASES})
