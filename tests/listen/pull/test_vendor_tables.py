"""Real dlt against a local server that answers in the vendors' documented shapes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.listen.pull.answers import Place, Told
from tests.listen.pull.vendor_places import (
    AT,
    freshdesk,
    github,
    hubspot,
    intercom,
    jira,
    salesforce,
    shopify,
    user,
    zendesk,
)

from allears.errors import NotAllowed, NotFound, Refused, WorldFailed
from allears.listen.pull.kinds import make
from allears.listen.pull.page import Ask
from allears.listen.pull.vendor_tables import read_tables, shipped_tables

pytest.importorskip("dlt", reason='needs pip install "allears[pull]"')


def zendesk_ask(ask: Callable[..., Ask], place: Place, **more: Any) -> Ask:
    options = {"subdomain": "acme", "email": "agent@example.com"}
    return ask("zendesk", url=place.url, options=options, secret="tok", **more)


def rows(pages: list[Any]) -> list[dict[str, Any]]:
    return [row for page in pages for row in page.reading.arrivals.to_pylist()]


def test_tickets_comments_and_users_of_zendesk_become_signals(ask: Callable[..., Ask], place: Place) -> None:
    zendesk(place)
    pages = list(make(zendesk_ask(ask, place)).pages({}))
    found = {row["signal_id"]: row for row in rows(pages)}
    assert sorted(found) == [
        "mentions:11", "mentions:12", "mentions:21", f"mentions:ticket:1@{AT.format(1)}", f"mentions:ticket:2@{AT.format(2)}",
        f"mentions:user:4001@{AT.format(1)}", f"mentions:user:4002@{AT.format(2)}",
    ]  # fmt: skip
    said, answered = found["mentions:11"], found["mentions:12"]
    assert (said["text"], said["direction"], said["thread"], said["kind"]) == (
        "it is late",
        "in",
        "1",
        "feedback",
    )
    assert said["identifiers"] == answered["identifiers"] == [{"type": "handle", "value": "zendesk:4001"}]
    assert answered["direction"] == "out"
    profile = found[f"mentions:user:4001@{AT.format(1)}"]
    assert profile["kind"] == "profile"
    assert {(i["type"], i["value"]) for i in profile["identifiers"]} == {
        ("handle", "zendesk:4001"), ("email", "p1@example.com"), ("user_id", "u1"),
    }  # fmt: skip
    assert place.asked[0][2]["authorization"].startswith("Basic ")


def test_the_cursor_moves_at_the_end_alone_and_the_next_pull_begins_there(
    ask: Callable[..., Ask], place: Place
) -> None:
    zendesk(place)
    pages = list(make(zendesk_ask(ask, place)).pages({}))
    assert all(page.cursor is None for page in pages[:-1]) and pages[-1].cursor
    first = next(q for path, q, _ in place.asked if path.endswith("tickets/cursor.json"))
    place.asked.clear()
    cursor = json.loads(json.dumps(pages[-1].cursor))
    again = list(make(zendesk_ask(ask, place)).pages(cursor))
    second = next(q for path, q, _ in place.asked if path.endswith("tickets/cursor.json"))
    assert int(second["start_time"]) > int(first["start_time"]) and second["start_time"] == "1777716000"
    # Only what is not older than the last one known comes again: the first ticket does not.
    assert not [row for row in rows(again) if row["signal_id"].startswith("mentions:ticket:1")]


def test_a_place_that_asks_for_time_gets_it_and_a_long_wait_puts_the_pull_off(
    ask: Callable[..., Ask], place: Place
) -> None:
    place.tell(
        "/api/v2/incremental/users/cursor.json",
        Told(b"", 429, {"Retry-After": "0"}),
        Told(b"", 503, {"Retry-After": "0"}),
    )
    zendesk(place)
    assert len(rows(list(make(zendesk_ask(ask, place)).pages({})))) == 7
    place.answers["/api/v2/incremental/users/cursor.json"] = [Told(b"", 429, {"Retry-After": "90"})]
    with pytest.raises(WorldFailed) as failed:
        list(make(zendesk_ask(ask, place)).pages({}))
    assert failed.value.again and failed.value.facts["wait_seconds"] == 90.0


def test_a_wrong_key_is_said_without_showing_it(ask: Callable[..., Ask], place: Place) -> None:
    place.tell("/api/v2/incremental/users/cursor.json", Told(b"", 401))
    with pytest.raises(WorldFailed) as failed:
        list(make(zendesk_ask(ask, place)).pages({}))
    assert not failed.value.again and "tok" not in str(failed.value) and "key" in str(failed.value)


def test_a_link_to_another_host_or_a_redirect_is_not_followed(ask: Callable[..., Ask], place: Place) -> None:
    zendesk(place)
    place.answers["/api/v2/incremental/users/cursor.json"] = [
        Told({"users": [user(1)], "after_url": "http://localhost:1/steal", "end_of_stream": False})
    ]
    with pytest.raises(NotAllowed):
        list(make(zendesk_ask(ask, place)).pages({}))
    place.answers["/api/v2/incremental/users/cursor.json"] = [Told(b"", 302, {"Location": f"{place.url}/x"})]
    with pytest.raises(WorldFailed, match="redirect"):
        list(make(zendesk_ask(ask, place)).pages({}))


def test_every_vendor_that_ships_can_be_built_and_asks_for_what_it_needs(
    ask: Callable[..., Ask], place: Place
) -> None:
    assert len(shipped_tables()) >= 8
    for name in shipped_tables():
        vendor = read_tables(name)
        with pytest.raises(Refused):
            make(ask(name, options={}))
        asked = ask(name, url=place.url, options=dict.fromkeys(vendor.needs, "acme"), secret="tok")
        with pytest.raises(WorldFailed, match="answered 404"):
            list(make(asked).pages({}))
        assert set(vendor.tables) <= {resource["name"] for resource in vendor.api["resources"]}


@pytest.mark.parametrize(
    ("vendor", "tell", "who", "rows_found"),
    [
        ("intercom", intercom, "intercom:c1", 4), ("hubspot", hubspot, "hubspot:c1", 4), ("salesforce", salesforce, "salesforce:c1", 5),
        ("freshdesk", freshdesk, "freshdesk:1", 4), ("github", github, "github:ada", 2), ("jira", jira, "jira:a1", 2), ("shopify", shopify, "shopify:71", 2),
    ],
)  # fmt: skip
def test_what_each_vendor_documents_becomes_signals_and_customers(
    ask: Callable[..., Ask],
    place: Place,
    vendor: str,
    tell: Callable[[Place], None],
    who: str,
    rows_found: int,
) -> None:
    tell(place)
    options = dict.fromkeys(read_tables(vendor).needs, "acme") | (
        {"repository": "o/n"} if vendor == "github" else {}
    )
    pages = list(make(ask(vendor, url=place.url, options=options, secret="tok")).pages({}))
    found = rows(pages)
    assert len(found) == rows_found and not [r for page in pages for r in page.reading.refused]
    mine = [row for row in found if {"type": "handle", "value": who} in row["identifiers"]]
    if vendor == "shopify":
        assert {(row["kind"], row["name"]) for row in mine} == {("profile", None), ("event", "order")}
    else:
        said = next(row for row in mine if (row["text"] or "").endswith("it is late"))
        answer = next(row for row in found if row["text"] == "we look")
        assert (said["kind"], said["direction"], answer["direction"]) == ("feedback", "in", "out")
        assert said["thread"] == answer["thread"] or vendor == "hubspot"
        assert said["occurred_at"].year == 2026
    if vendor not in ("github", "jira"):
        told = next(row for row in mine if row["kind"] == "profile")
        assert {"type": "email", "value": "ada@example.com"} in told["identifiers"]
    # The cursor that dlt keeps goes through JSON, and a second pull brings nothing under a new id.
    cursor = json.loads(json.dumps(pages[-1].cursor))
    again = rows(list(make(ask(vendor, url=place.url, options=options, secret="tok")).pages(cursor)))
    assert {row["signal_id"] for row in again} <= {row["signal_id"] for row in found}


def test_a_vendor_of_one_s_own_is_a_file_in_the_space(
    ask: Callable[..., Ask], place: Place, tmp_path: Path
) -> None:
    zendesk(place)
    shipped = files("allears.listen.pull") / "tables_of" / "zendesk.toml"
    (tmp_path / "desk.toml").write_text(shipped.read_text("utf-8"), "utf-8")
    options = {"subdomain": "acme", "email": "agent@example.com"}
    asked = ask("desk.toml", url=place.url, options=options, secret="tok")
    assert len(rows(list(make(asked).pages({})))) == 7
    (tmp_path / "desk.toml").write_text('says = "x"\n[api.client]\nbase_url = 1\n', "utf-8")
    with pytest.raises(Refused, match="missing required field"):
        make(asked)


def test_without_dlt_the_way_to_install_it_is_said(
    ask: Callable[..., Ask], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dlt", None)
    monkeypatch.delitem(sys.modules, "allears.listen.pull.declared", raising=False)
    for one in (zendesk_ask(ask, place), ask("dlt", options={"module": "a:b"})):
        with pytest.raises(Refused, match=r"allears\[pull\]|no module"):
            list(make(one).pages({}))


SOURCE = """
import dlt

@dlt.source
def shop(start: int, token: str = dlt.secrets.value):
    @dlt.resource(primary_key="nr")
    def reviews(nr=dlt.sources.incremental("nr", initial_value=0)):
        for n in range(start, start + 3):
            if n > nr.last_value:
                yield {"nr": n, "said": f"the parcel number {n} came late", "token_read": token == "abc"}

    @dlt.resource
    def people():
        yield [{"who": "ada@example.com"}]

    return reviews, people
"""


def test_any_dlt_source_is_pulled_with_its_own_secrets_and_cursor(
    ask: Callable[..., Ask], tmp_path: Path
) -> None:
    (tmp_path / "shop_source.py").write_text(SOURCE)
    options = {"module": "shop_source:shop", "arguments": {"start": 1}, "tables": ["reviews"]}
    with pytest.raises(Refused, match=r"token.*secrets\.toml"):
        list(make(ask("dlt", options=options)).pages({}))
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text('token = "abc"\n')
    pages = list(make(ask("dlt", options=options)).pages({}))
    assert [row["text"] for row in rows(pages)] == [f"the parcel number {n} came late" for n in (1, 2, 3)]
    assert json.loads(rows(pages)[0]["properties"])["token_read"] is True
    later = options | {"arguments": {"start": 3}}
    again = list(make(ask("dlt", options=later)).pages(json.loads(json.dumps(pages[-1].cursor))))
    assert [row["text"][-11:] for row in rows(again)] == ["4 came late", "5 came late"]
    with pytest.raises(NotFound, match="people, reviews"):
        list(make(ask("dlt", options=options | {"tables": ["orders"]})).pages({}))


def test_a_source_that_fails_does_not_show_what_it_held(ask: Callable[..., Ask], tmp_path: Path) -> None:
    (tmp_path / "bad_source.py").write_text(
        "import dlt\n\n@dlt.resource\ndef rows():\n    yield {'a': 1}\n    raise ValueError('ada@example.com')\n"
    )
    with pytest.raises(WorldFailed, match="ValueError") as failed:
        list(make(ask("dlt", options={"module": "bad_source:rows"})).pages({}))
    assert "ada" not in str(failed.value)
    for module in ("bad_source", "bad_source:nothing", "no_such_module_here:x"):
        with pytest.raises((Refused, NotFound)):
            list(make(ask("dlt", options={"module": module})).pages({}))
