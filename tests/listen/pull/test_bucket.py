"""A prefix of a bucket, on a real S3 API (moto's server) on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyarrow import fs
from tests.listen.pull.conftest import QUICK
from tests.listen.pull.test_web import cursor, rows
from tests.serving import moto

from allears.errors import NotFound, Refused, WorldFailed
from allears.listen import Context
from allears.listen.pull.kinds import make
from allears.listen.pull.page import Ask

CSV = b"id,comment\n1,The lid broke\n2,It came late\n"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with moto() as address:
        yield address


@pytest.fixture
def put(store: str) -> Callable[[str, bytes], None]:
    there = fs.S3FileSystem(
        access_key="k",
        secret_key="s",
        region="us-east-1",
        endpoint_override=store,
        scheme="http",
        allow_bucket_creation=True,
    )
    there.create_dir("drop")
    there.delete_dir_contents("drop")

    def write(key: str, content: bytes) -> None:
        with there.open_output_stream(f"drop/{key}") as out:
            out.write(content)

    return write


@pytest.fixture
def look(store: str, ask: Callable[..., Ask]) -> Callable[..., list[Any]]:
    def pages(told: dict[str, Any] | None = None, url: str = "s3://drop/in", late: float = 60) -> list[Any]:
        options = {"endpoint": store, "scheme": "http", "region": "us-east-1"}
        made = ask("bucket", url=url, options=options, secret="k:s")
        context = Context("mentions", None, datetime.now(UTC) + timedelta(seconds=late))
        return list(make(Ask(**{**vars(made), "context": lambda: context})).pages(told or {}))

    return pages


def test_an_object_is_taken_once_and_again_when_it_changed(put: Any, look: Any) -> None:
    put("in/2026/a.csv", CSV)
    put("elsewhere/b.csv", CSV)
    pages = look()
    assert [r["text"] for r in rows(pages)] == ["The lid broke", "It came late"]
    told = cursor(pages)
    assert look(told) == []
    put("in/2026/a.csv", CSV + b"3,Nobody answers\n")
    assert [r["signal_id"] for r in rows(look(told))] == ["mentions:1", "mentions:2", "mentions:3"]


def test_an_object_that_just_changed_waits_as_its_time_is_told_in_seconds(put: Any, look: Any) -> None:
    put("in/a.csv", CSV)
    assert look(late=0) == []


def test_an_object_nobody_can_read_keeps_no_other_waiting(put: Any, look: Any) -> None:
    put("in/a.parquet", b"PAR1 not really")
    put("in/b.csv", CSV)
    pages = look()
    assert len(rows(pages)) == 2 and sum(len(page.reading.refused) for page in pages) == 1
    assert look(cursor(pages)) == []


def test_a_bucket_that_is_not_there_is_said_and_an_empty_prefix_is_no_error(put: Any, look: Any) -> None:
    assert look(url="s3://drop/nothing-yet") == []
    with pytest.raises(NotFound, match="no such bucket"):
        look(url="s3://no-such-bucket/in")


def test_a_store_that_fails_says_neither_key_nor_address(ask: Callable[..., Ask]) -> None:
    options = {"endpoint": "127.0.0.1:9", "scheme": "http", "region": "us-east-1"}
    patience = type(QUICK)(timeout_seconds=1)
    made = make(ask("bucket", url="s3://drop/in", options=options, secret="k:very-secret", patience=patience))
    with pytest.raises(WorldFailed) as failed:
        list(made.pages({}))
    assert "127.0.0.1" not in str(failed.value) and "very-secret" not in str(failed.value)


@pytest.mark.parametrize("url", ["drop", "s3://", "s3://key:secret@drop/in", "gs://drop/in"])
def test_only_an_address_of_a_bucket_without_credentials_is_taken(ask: Callable[..., Ask], url: str) -> None:
    with pytest.raises(Refused, match="without credentials"):
        make(ask("bucket", url=url))


def test_odd_keys_are_read_and_one_that_arrow_cannot_read_is_refused(put: Any, look: Any, store: str) -> None:
    boto3 = pytest.importorskip("boto3", reason="pyarrow itself writes no such key")
    for number, key in enumerate(("a b", "é☃", "a%2Fb", "+x&y=1?", "#h")):
        put(f"in/{key}.csv", CSV.replace(b"1,", b"1%d," % number).replace(b"2,", b"2%d," % number))
    assert len(rows(look())) == 10
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{store}", **keys)
    client.put_object(Bucket="drop", Key="in//x.csv", Body=CSV)
    try:
        pages = look()
        assert len(rows(pages)) == 10 and look(cursor(pages)) == []
        [refused] = [r for page in pages for r in page.reading.refused]
        assert "empty part" in refused.reason
    finally:
        client.delete_object(Bucket="drop", Key="in//x.csv")
