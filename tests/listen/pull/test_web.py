"""Recipes against a server that answers in the shapes of the real services (written after their public documentation)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.listen.pull.answers import Place, Told
from tests.listen.pull.conftest import NOW

from allears.errors import Refused, WorldFailed
from allears.listen import Context
from allears.listen.mapping import Mapping
from allears.listen.pull.kinds import make
from allears.listen.pull.page import Ask, Page
from allears.listen.pull.recipe import Recipe, read_recipe, read_shipped, shipped_names
from allears.listen.pull.web import Web

MAY = int(datetime(2026, 5, 31, 12, tzinfo=UTC).timestamp())


def rows(pages: list[Page]) -> list[dict[str, Any]]:
    return [row for page in pages for row in page.reading.arrivals.to_pylist()]


def cursor(pages: list[Page]) -> dict[str, Any]:
    return next((page.cursor for page in reversed(pages) if page.cursor is not None), {})


def hit(number: int, at: int = MAY) -> dict[str, Any]:
    return {
        "objectID": str(number), "author": f"u{number}", "created_at_i": at, "comment_text": f"Acme &amp; co <p>broke {number}",
        "story_id": 7, "story_title": "Acme", "points": None, "num_comments": None, "parent_id": 7, "_tags": ["comment"],
    }  # fmt: skip


def test_every_recipe_that_ships_can_be_read_and_maps_what_it_selects() -> None:
    assert len(shipped_names()) >= 7
    for name in shipped_names():
        recipe = read_shipped(name)
        used = [
            p
            for p in (
                recipe.mapping.id,
                recipe.mapping.text,
                recipe.mapping.occurred_at,
                *recipe.mapping.reach,
                *recipe.mapping.identifiers,
            )
            if p
        ]
        assert all(f"{path}:" in recipe.records or path == "reading" for path in used), name


def test_hacker_news_pages_are_read_back_to_what_is_known(place: Place, ask: Callable[..., Ask]) -> None:
    place.tell(
        "/api/v1/search_by_date",
        lambda q: Told(
            {
                "hits": [hit(n, MAY - n) for n in range(int(q["page"]) * 3, int(q["page"]) * 3 + 3)]
                if int(q["page"]) < 2
                else []
            }
        ),
    )
    puller = make(ask("hackernews", url=place.url, options={"words": "acme co"}))
    pages = list(puller.pages({}))
    assert [r["signal_id"] for r in rows(pages)] == [f"mentions:{n}" for n in range(6)]
    first = rows(pages)[0]
    assert (first["text"], first["thread"], first["channel"]) == ("Acme & co broke 0", "7", "social")
    assert first["identifiers"] == [{"type": "handle", "value": "hackernews::u0"}]
    assert [page.cursor for page in pages[:-1]] == [None, None] and cursor(pages) == {"at": MAY * 1_000_000}
    assert place.asked[0][1]["query"] == "acme co" and place.asked[0][1]["tags"] == "(story,comment)"
    asked = len(place.asked)
    again = list(puller.pages(cursor(pages)))
    # What lies within the overlap comes again (and is dropped by its id); nothing older is asked for.
    assert place.asked[asked][1]["numericFilters"] == f"created_at_i>{MAY - 3600}" and len(rows(again)) == 6


def test_a_place_that_always_gives_its_first_page_is_left(place: Place, ask: Callable[..., Ask]) -> None:
    place.tell("/api/v1/search_by_date", Told({"hits": [hit(1)]}))
    pages = list(make(ask("hackernews", url=place.url, options={"words": "acme"})).pages({}))
    assert len(rows(pages)) == 1 and len(place.asked) == 2


def test_more_news_than_the_place_shows_is_said(place: Place, ask: Callable[..., Ask]) -> None:
    place.tell(
        "/api/v1/search_by_date", lambda q: Told({"hits": [hit(int(q["page"]), MAY - int(q["page"]))]})
    )
    puller = make(ask("hackernews", url=place.url, options={"words": "acme"}))
    assert "gap_before" not in cursor(list(puller.pages({})))
    assert cursor(list(puller.pages({"at": (MAY - 86_400) * 1_000_000})))["gap_before"] == MAY * 1_000_000


def test_reddit_follows_its_listing(place: Place, ask: Callable[..., Ask]) -> None:
    def listing(query: dict[str, str]) -> Told:
        start = 3 if query.get("after") == "t1_2" else 0
        children = [
            {
                "kind": "t1",
                "data": {
                    "name": f"t1_{n}",
                    "body": f"it broke {n}",
                    "created_utc": MAY - n,
                    "author": f"u{n}",
                    "link_id": "t3_9",
                    "score": n,
                    "permalink": "/r/x",
                },
            }
            for n in range(start, start + 3)
        ]
        return Told({"kind": "Listing", "data": {"after": None if start else "t1_2", "children": children}})

    place.tell("/r/acme/comments.json", listing)
    pages = list(make(ask("reddit", url=place.url, options={"subreddit": "acme"})).pages({}))
    found = rows(pages)
    assert [r["text"] for r in found] == [f"it broke {n}" for n in range(6)]
    assert (found[5]["reach"], found[5]["thread"]) == (5, "t3_9")
    assert "authorization" not in place.asked[0][2]


def review(number: int, stars: str = "2") -> dict[str, Any]:
    return {
        "author": {"uri": {"label": "https://itunes.example/1"}, "name": {"label": f"reader {number}"}, "label": ""},
        "updated": {"label": f"2026-05-{31 - number:02d}T01:02:03-07:00"}, "im:rating": {"label": stars}, "im:version": {"label": "3.1"},
        "id": {"label": str(number)}, "title": {"label": "Crashes"}, "content": {"label": "since the update", "attributes": {"type": "text"}},
        "im:voteSum": {"label": "0"}, "im:voteCount": {"label": "0"},
    }  # fmt: skip


def test_app_store_reviews_carry_stars_and_version(place: Place, ask: Callable[..., Ask]) -> None:
    about = {"im:name": {"label": "Acme"}, "id": {"label": "app"}}
    place.tell(
        "/gb/rss/customerreviews/page=1/id=42/sortby=mostrecent/json",
        Told({"feed": {"entry": [about, review(1), review(2)]}}),
    )
    # A feed with one review holds an object instead of a list, and an empty page none at all.
    place.tell(
        "/gb/rss/customerreviews/page=2/id=42/sortby=mostrecent/json",
        Told({"feed": {"entry": review(3, "5")}}),
    )
    place.tell("/gb/rss/customerreviews/page=3/id=42/sortby=mostrecent/json", Told({"feed": {}}))
    found = rows(list(make(ask("appstore", url=place.url, options={"app": 42, "country": "gb"})).pages({})))
    assert [(r["rating"], r["release"], r["platform"]) for r in found] == [
        (0.25, "3.1", "ios"),
        (0.25, "3.1", "ios"),
        (1.0, "3.1", "ios"),
    ]
    assert found[0]["text"] == "Crashes\nsince the update" and found[0]["channel"] == "review"


def test_youtube_comments_and_replies_share_the_videos_thread_with_its_reach(
    place: Place, ask: Callable[..., Ask]
) -> None:
    def comment(key: str, text: str) -> dict[str, Any]:
        return {"id": key, "snippet": {"textOriginal": text, "publishedAt": "2026-05-31T10:00:00Z", "videoId": "v1", "authorDisplayName": "@ada",
                "authorChannelId": {"value": "UC1"}, "likeCount": 3}}  # fmt: skip

    items = [
        {
            "snippet": {"topLevelComment": comment("c1", "Loud fan")},
            "replies": {"comments": [comment("c1.r1", "Mine too")]},
        }
    ]
    place.tell(
        "/youtube/v3/commentThreads", Told({"items": items, "nextPageToken": "p2"}), Told({"items": []})
    )
    place.tell(
        "/youtube/v3/videos",
        Told(
            {
                "items": [
                    {
                        "id": "v1",
                        "statistics": {"viewCount": "1200", "likeCount": "9"},
                        "snippet": {"title": "Review"},
                    }
                ]
            }
        ),
    )
    comments = rows(
        list(make(ask("youtube-comments", url=place.url, secret="k", options={"video": "v1"})).pages({}))
    )
    assert [(r["text"], r["thread"], r["reach"]) for r in comments] == [
        ("Loud fan", "v1", 3),
        ("Mine too", "v1", 3),
    ]
    assert {"type": "handle", "value": "@ada"} in comments[0]["personal"]
    assert comments[0]["identifiers"] == [{"type": "handle", "value": "youtube::UC1"}]
    assert place.asked[0][1]["key"] == "k" and "allThreadsRelatedToChannelId" not in place.asked[0][1]
    [seen] = rows(
        list(make(ask("youtube-reach", url=place.url, secret="k", options={"videos": ["v1"]})).pages({}))
    )
    assert (seen["kind"], seen["name"], seen["reach"], seen["thread"], seen["text"]) == (
        "event",
        "post reach",
        1200,
        "v1",
        None,
    )
    assert seen["signal_id"] == "mentions:v1@2026-06-01T12" and seen["identifiers"] == []


def test_the_spread_of_a_video_is_followed_from_hour_to_hour(place: Place, ask: Callable[..., Ask]) -> None:
    def counted(views: int) -> Told:
        numbers = {"viewCount": str(views), "likeCount": str(views // 100), "commentCount": "4"}
        return Told({"items": [{"id": "v1", "statistics": numbers, "snippet": {"title": "Review"}}]})

    place.tell("/youtube/v3/videos", *(counted(views) for views in (100, 900, 8000, 8000)))
    asked = ask("youtube-reach", url=place.url, secret="k", options={"videos": ["v1"]})
    found = []
    for hour in (0, 1, 2, 2):
        at = NOW + timedelta(hours=hour)
        hourly = dataclasses.replace(asked, context=lambda at=at: Context("mentions", None, at))
        found += rows(list(make(hourly).pages({})))
    assert [(r["thread"], r["reach"]) for r in found] == [
        ("v1", 100),
        ("v1", 900),
        ("v1", 8000),
        ("v1", 8000),
    ]
    assert [r["occurred_at"].hour for r in found[:3]] == [12, 13, 14]
    # Asked twice within an hour it is one reading.
    assert len({r["signal_id"] for r in found}) == 3
    assert json.loads(found[2]["properties"])["likes"] == "80"


def test_a_timeline_is_read_on_from_where_it_was_left(place: Place, ask: Callable[..., Ask]) -> None:
    def timeline(query: dict[str, str]) -> Told:
        start = int(query.get("min_id", "0"))
        return Told([status(n) for n in range(min(start + 2, 5), start, -1)])

    place.tell("/api/v1/timelines/tag/acme", timeline)
    puller = make(ask("mastodon-timeline", url=place.url, options={"tag": "acme"}))
    pages = list(puller.pages({}))
    assert [page.cursor for page in pages] == [{"last": "2"}, {"last": "4"}, {"last": "5"}]
    assert sorted(r["text"] for r in rows(pages)) == [f"Acme & {n}" for n in range(1, 6)]
    assert list(puller.pages({"last": "5"})) == []


def status(number: int) -> dict[str, Any]:
    return {"id": str(number), "content": f"<p>Acme &amp; {number}</p>", "created_at": "2026-05-31T10:00:00.000Z", "in_reply_to_id": None,
            "account": {"url": "https://social.example/@ada", "acct": "ada"}, "reblogs_count": 2, "favourites_count": 0, "language": "en", "url": "https://x"}  # fmt: skip


@pytest.mark.parametrize(
    "trouble",
    [
        Told(b"slow down", 429, {"retry-after": "0"}),
        Told(b"oops", 500),
        Told(b"oops", 503),
        Told({"hits": [hit(1)]}, cut=20),
        Told(b"<html>maintenance</html>"),
        Told(b'{"hits": ['),
    ],
)
def test_trouble_that_passes_costs_nothing(trouble: Told, place: Place, ask: Callable[..., Ask]) -> None:
    place.tell("/api/v1/search_by_date", trouble, Told({"hits": [hit(1)]}), Told({"hits": []}))
    pages = list(make(ask("hackernews", url=place.url, options={"words": "acme"})).pages({}))
    assert [r["signal_id"] for r in rows(pages)] == ["mentions:1"]


def test_a_page_of_garbage_in_the_middle_moves_no_cursor(place: Place, ask: Callable[..., Ask]) -> None:
    place.tell("/api/v1/search_by_date", Told({"hits": [hit(1)]}), Told(b"\x00\xff garbage"))
    pages: list[Page] = []
    with pytest.raises(WorldFailed, match="not JSON"):
        pages.extend(make(ask("hackernews", url=place.url, options={"words": "acme"})).pages({}))
    assert cursor(pages) == {}


@pytest.mark.parametrize(
    "body",
    [{"hits": None}, {"hits": [1, "x", None]}, [], {"message": "quota"}, {"hits": [{"objectID": None}]}],
)
def test_answers_of_another_shape_bring_nothing_and_break_nothing(
    body: Any, place: Place, ask: Callable[..., Ask]
) -> None:
    place.tell("/api/v1/search_by_date", Told(body))
    assert rows(list(make(ask("hackernews", url=place.url, options={"words": "acme"})).pages({}))) == []


def test_options_are_checked_by_name(ask: Callable[..., Ask]) -> None:
    with pytest.raises(Refused, match="no option `word`"):
        make(ask("hackernews", options={"word": "acme"}))
    with pytest.raises(Refused, match="`words` is needed"):
        make(ask("hackernews"))
    with pytest.raises(Refused, match="needs a secret"):
        make(ask("youtube-reach", options={"videos": "v"}))
    with pytest.raises(Refused, match="no kind `telepathy`; there are appstore"):
        make(ask("telepathy"))


def test_a_recipe_of_ones_own_lies_in_the_spaces_folder(place: Place, ask: Callable[..., Ask]) -> None:
    given = ask("desk.toml", url=place.url)
    (given.folder / "desk.toml").write_text(
        'says = "ours"\nurl = "{base}/list"\nrecords = "rows"\n[mapping]\ntext = "say"\n', "utf-8"
    )
    place.tell("/list", Told({"rows": [{"say": "hello"}]}))
    assert [r["text"] for r in rows(list(make(given).pages({})))] == ["hello"]
    with pytest.raises(LookupError):
        make(ask("../desk.toml", url=place.url))
    with pytest.raises(Refused, match="JMESPath"):
        read_recipe('says = "x"\nurl = "{base}/x"\nrecords = "a[?"\n[mapping]\n', "x.toml")


def test_a_value_in_an_address_cannot_leave_its_place(place: Place, ask: Callable[..., Ask]) -> None:
    place.tell("/r/..%2F..%2Fadmin%3Fx%3D1/comments.json", Told({"data": {"children": []}}))
    list(make(ask("reddit", url=place.url, options={"subreddit": "../../admin?x=1"})).pages({}))
    assert [path for path, _, _ in place.asked] == ["/r/..%2F..%2Fadmin%3Fx%3D1/comments.json"]


def test_a_row_that_cannot_be_mapped_is_refused_with_its_page(place: Place, ask: Callable[..., Ask]) -> None:
    place.tell(
        "/x",
        Told(
            [
                {"id": 1, "say": "good", "at": "2026-05-31T10:00:00Z"},
                {"id": 2, "say": "bad", "at": "ada@example.com"},
            ]
        ),
    )
    recipe = Recipe(
        says="x", url="{base}/x", records="@", mapping=Mapping(id="id", text="say", occurred_at="at")
    )
    pages = list(Web(ask("x", url=place.url), recipe).pages({}))
    [refused] = [r for page in pages for r in page.reading.refused]
    assert (refused.place, refused.reason) == ("page 1[1].at", "expected a time") and json.loads(
        refused.payload
    )["say"] == "bad"
