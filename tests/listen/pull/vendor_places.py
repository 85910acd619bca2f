"""Vendors' APIs on loopback, in the shapes that their documentation gives."""

from __future__ import annotations

import json
from typing import Any

from tests.listen.pull.answers import Place, Told

AT = "2026-05-0{}T10:00:00Z"


def user(number: int) -> dict[str, Any]:
    return {
        "id": 4000 + number, "role": "end-user", "email": f"p{number}@example.com", "phone": None, "external_id": f"u{number}",
        "name": f"Person {number}", "locale": "en-US", "updated_at": AT.format(number),
    }  # fmt: skip


def ticket(number: int) -> dict[str, Any]:
    return {
        "id": number, "requester_id": 4000 + number, "subject": "Late", "status": "open", "priority": None,
        "updated_at": AT.format(number), "created_at": AT.format(number),
    }  # fmt: skip


def comment(number: int, author: int, text: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "type": "Comment", "public": True, "author_id": author, "plain_body": text, "body": text,
        "created_at": "2026-05-03T10:00:00Z", "via": {"channel": "email"},
    } | more  # fmt: skip


def zendesk(place: Place) -> None:
    page = "/api/v2/incremental/tickets/cursor.json"

    def tickets(query: dict[str, str]) -> Told:
        if "cursor" in query:
            return Told(
                {"tickets": [ticket(2)], "after_url": f"{place.url}{page}?cursor=end", "end_of_stream": True}
            )
        return Told(
            {"tickets": [ticket(1)], "after_url": f"{place.url}{page}?cursor=two", "end_of_stream": False}
        )

    place.tell(page, tickets)
    place.tell(
        "/api/v2/incremental/users/cursor.json",
        Told(
            {
                "users": [user(1), user(2), user(3) | {"role": "agent"}],
                "after_url": "x",
                "end_of_stream": True,
            }
        ),
    )
    place.tell(
        "/api/v2/tickets/1/comments.json",
        Told({"comments": [comment(11, 4001, "it is late")], "links": {"next": f"{place.url}/api/v2/more"}}),
    )
    place.tell(
        "/api/v2/more",
        Told(
            {
                "comments": [comment(12, 9, "we look"), comment(13, 9, "secret", public=False)],
                "links": {"next": None},
            }
        ),
    )
    place.tell(
        "/api/v2/tickets/2/comments.json", Told({"comments": [comment(21, 4002, "thank you")], "links": {}})
    )


def intercom(place: Place) -> None:
    def contacts(query: dict[str, str]) -> Told:
        asked = json.loads(query["body"])
        assert asked["query"]["value"].isdigit()
        if asked["pagination"].get("starting_after") == "next":
            return Told(
                {"data": [{"id": "c2", "updated_at": 1780000100, "email": "bo@example.com"}], "pages": {}}
            )
        one = {
            "id": "c1",
            "updated_at": 1780000000,
            "email": "ada@example.com",
            "external_id": "u1",
            "name": "Ada",
        }
        return Told({"data": [one], "pages": {"next": {"starting_after": "next"}}})

    place.tell("/contacts/search", contacts)
    whole = {
        "id": "7", "updated_at": 1780000200, "created_at": 1780000000, "state": "open", "contacts": {"contacts": [{"id": "c1"}]},
        "source": {"body": "<p>it is late</p>", "subject": "", "author": {"type": "user", "id": "c1"}},
    }  # fmt: skip
    place.tell("/conversations/search", Told({"conversations": [whole], "pages": {}}))
    part = {
        "id": "71", "part_type": "comment", "body": "<p>we look</p>", "created_at": 1780000100, "author": {"type": "admin", "id": "9"},
    }  # fmt: skip
    parts = {"conversation_parts": [part, part | {"id": "72", "body": None}]}
    place.tell("/conversations/7", Told(whole | {"conversation_parts": parts}))


def hubspot(place: Place) -> None:
    base = "/crm/v3/objects"
    properties = {"email": "ada@example.com", "phone": None, "firstname": "Ada"}
    told = {"id": "c1", "updatedAt": AT.format(1), "properties": properties}

    def contacts(query: dict[str, str]) -> Told:
        if "after" in query:
            return Told({"results": [told | {"id": "c2"}]})
        return Told({"results": [told], "paging": {"next": {"after": "1"}}})

    place.tell(f"{base}/contacts", contacts)
    one = {
        "id": "t1", "createdAt": AT.format(1), "properties": {"subject": "Late", "content": "it is late"},
        "associations": {"contacts": {"results": [{"id": "c1"}]}},
    }  # fmt: skip
    place.tell(f"{base}/tickets", Told({"results": [one]}))
    threads = "/conversations/v3/conversations/threads"
    place.tell(threads, Told({"results": [{"id": "h1", "associatedContactId": "c1"}]}))
    message = {
        "id": "m1", "type": "MESSAGE", "text": "we look", "createdAt": AT.format(2), "direction": "OUTGOING",
    }  # fmt: skip
    place.tell(f"{threads}/h1/messages", Told({"results": [message, {"id": "m2", "type": "ASSIGNMENT"}]}))


def salesforce(place: Place) -> None:
    changed = {"LastModifiedDate": "2026-05-01T10:00:00.000+0000"}
    held: dict[str, dict[str, Any]] = {
        "Contact": {"Id": "c1", "Email": "ada@example.com", "Phone": "+442071838750", "FirstName": "Ada", "AccountId": "a1"},
        "Case": {"Id": "k1", "ContactId": "c1", "Description": "it is late", "CreatedDate": "2026-05-01T09:00:00.000+0000"},
        "EmailMessage": {
            "Id": "e1", "ParentId": "k1", "Incoming": False, "TextBody": "we look", "MessageDate": AT.format(2), "Parent": {"ContactId": "c1"},
        },
        "CaseComment": {
            "Id": "o1", "ParentId": "k1", "CommentBody": "still", "IsPublished": True, "CreatedDate": AT.format(2),
            "CreatedBy": {"UserType": "CspLitePortal"}, "Parent": {"ContactId": "c1"},
        },
    }  # fmt: skip

    def query(asked: dict[str, str]) -> Told:
        assert "LastModifiedDate >= 20" in asked["q"] and "+" not in asked["q"]
        table = asked["q"].split(" FROM ")[1].split()[0]
        more = {"nextRecordsUrl": "/services/data/v62.0/query/01g-2000"} if table == "Contact" else {}
        return Told({"records": [held[table] | changed], "done": not more} | more)

    place.tell("/services/data/v62.0/query", query)
    last = {"Id": "c2", "Email": "bo@example.com"} | changed
    place.tell("/services/data/v62.0/query/01g-2000", Told({"records": [last], "done": True}))


def freshdesk(place: Place) -> None:
    told = {"id": 1, "email": "ada@example.com", "name": "Ada", "updated_at": AT.format(1)}

    def contacts(query: dict[str, str]) -> Told:
        if "page" in query:
            return Told([told | {"id": 2}])
        return Told([told], headers={"Link": f'<{place.url}/api/v2/contacts?page=2>; rel="next"'})

    place.tell("/api/v2/contacts", contacts)
    one = {
        "id": 5, "requester_id": 1, "subject": "Late", "description_text": "it is late", "created_at": AT.format(1), "updated_at": AT.format(2),
    }  # fmt: skip
    place.tell("/api/v2/tickets", Told([one]))
    answer = {
        "id": 51,
        "body_text": "we look",
        "incoming": False,
        "private": False,
        "created_at": AT.format(2),
    }
    place.tell("/api/v2/tickets/5/conversations", Told([answer, answer | {"id": 52, "private": True}]))


def github(place: Place) -> None:
    one = {
        "node_id": "I1", "title": "Late", "body": "it is late", "url": "https://x/1", "user": {"login": "ada"}, "author_association": "NONE",
        "created_at": AT.format(1), "updated_at": AT.format(1), "reactions": {"total_count": 3},
    }  # fmt: skip
    place.tell(
        "/repos/o/n/issues", Told([one, one | {"node_id": "P1", "pull_request": {"url": "https://x"}}])
    )
    ours = {
        "node_id": "C1", "body": "we look", "issue_url": "https://x/1", "user": {"login": "us"}, "author_association": "MEMBER",
    }  # fmt: skip
    place.tell("/repos/o/n/issues/comments", Told([one | ours]))


def jira(place: Place) -> None:
    fields = {
        "summary": "Late", "description": "it is late", "created": "2026-05-01T10:00:00.000+0000", "updated": "2026-05-02T10:00:00.000+0000",
        "reporter": {"accountId": "a1", "displayName": "Ada Byrne"},
    }  # fmt: skip

    def search(query: dict[str, str]) -> Told:
        if "nextPageToken" in query:
            return Told({"issues": []})
        return Told({"issues": [{"id": "10", "key": "S-1", "fields": fields}], "nextPageToken": "n"})

    place.tell("/rest/api/2/search/jql", search)
    said = {
        "id": "101",
        "body": "we look",
        "created": "2026-05-02T10:00:00.000+0000",
        "author": {"accountId": "z9"},
    }
    place.tell("/rest/api/2/issue/10/comment", Told({"comments": [said], "total": 1}))


def shopify(place: Place) -> None:
    at = "2026-05-0{}T10:00:00-04:00"
    told = {"id": 71, "email": "ada@example.com", "first_name": "Ada", "updated_at": at.format(1)}
    place.tell("/admin/api/2025-07/customers.json", Told({"customers": [told]}))
    order = {
        "id": 700,
        "name": "#1001",
        "customer": {"id": 71},
        "updated_at": at.format(2),
        "cancelled_at": None,
        "total_price": "9.90",
    }
    place.tell("/admin/api/2025-07/orders.json", Told({"orders": [order]}))
