from __future__ import annotations

from typing import Any

from allears.listen.flat import flatten
from allears.listen.mapping import infer


def sent(value: dict[str, Any]) -> dict[str, Any]:
    """What a messenger delivers: the account around, then what happened."""
    return flatten(
        {"object": "account", "entry": [{"id": "108", "changes": [{"field": "messages", "value": value}]}]}
    )


def test_the_account_around_a_message_is_not_its_id() -> None:
    found = infer(
        [sent({"messages": [{"id": "wamid.1", "from": "4912", "text": {"body": "Where is my order?"}}]})]
    )
    assert found.id == "entry.0.changes.0.value.messages.0.id"


def test_two_states_of_one_message_are_two_happenings() -> None:
    found = infer([sent({"statuses": [{"id": "wamid.1", "status": "read", "timestamp": "1780000000"}]})])
    assert found.id is None


def test_a_like_does_not_take_the_id_of_what_is_liked() -> None:
    found = infer(
        [sent({"item": "reaction", "post_id": "108_7", "from": {"id": "55"}, "created_time": 1780000000})]
    )
    assert found.id is None


def test_the_id_of_a_question_is_not_that_of_an_answer() -> None:
    form = {"token": "t1", "answers": [{"field": {"id": "q1"}, "text": "Too slow, and nobody answered"}]}
    assert infer([flatten(form)]).id == "token"


def test_what_a_sender_knows_of_a_customer_was_not_said_by_one() -> None:
    call = {
        "type": "identify",
        "messageId": "m1",
        "userId": "u1",
        "timestamp": "2026-06-01T10:00:00Z",
        "traits": {
            "email": "ada@shop.example",
            "description": "A long-standing customer who likes tea and bread",
        },
    }
    found = infer([flatten(call)])
    assert found.text is None
    assert found.identifiers["traits.email"] == "email"
