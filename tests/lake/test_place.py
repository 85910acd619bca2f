"""The lake in a bucket, on a real S3 API (moto's server) on loopback that checks keys."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from pyarrow import fs
from tests.serving import moto

from allears.cli.app import run
from allears.errors import NotFound, Refused, WorldFailed
from allears.journey.backup import backup
from allears.journey.restoring import restore
from allears.lake import Overtaken, Place, Store, bucket_of
from allears.settings import LakeSettings, Settings, SpaceSettings, write_settings
from allears.space import Space
from allears.tables import TABLES

KEY, SECRET = "canaryKEY7", "canarySECRET/9+x"
GIVEN = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto() as address:
        made = fs.S3FileSystem(
            access_key=KEY, secret_key=SECRET, region="eu-west-1", endpoint_override=address, scheme="http", allow_bucket_creation=True,
        )  # fmt: skip
        made.create_dir("ears")
        yield f"http://{address}"


def store(endpoint: str, folder: Path, url: str = "s3://ears/lake", **given: str) -> Store:
    return Store(Place(folder, bucket_of(url, "", endpoint, GIVEN | given)))


def signals(*names: str, day: str = "2026-06-01") -> pa.RecordBatch:
    table = TABLES["signals"]
    return table.arrays({"signal_id": list(names), "day": [day] * len(names)}, len(names))


def test_several_writers_lose_nothing_and_an_overtaken_one_is_refused(endpoint: str, tmp_path: Path) -> None:
    url = "s3://ears/writers"
    stores = [store(endpoint, tmp_path / str(n), url) for n in range(3)]
    stores[0].append("signals", signals("first"))
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for turn in range(3):
                stores[number].append("signals", signals(f"{number}-{turn}"), {f"seg{number}": turn + 1})
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert stores[0].version("signals") == 9 and len(stores[0].files("signals")) == 10
    assert [stores[0].position("signals", f"seg{number}") for number in range(3)] == [3, 3, 3]
    with pytest.raises(Overtaken):
        stores[1].append("signals", signals("twice"), {"seg0": 9}, starts={"seg0": 2})


def test_copies_follow_the_table_and_go_with_what_is_removed(endpoint: str, tmp_path: Path) -> None:
    one, two = (store(endpoint, tmp_path / n, "s3://ears/copies") for n in ("one", "two"))
    for n in range(3):
        one.append("signals", signals(f"s{n}"))
    before = two.files("signals")
    assert len(before) == 3 and all(Path(path).is_file() and "/day=2026-06-01/" in path for path in before)
    assert one.compact() == 3
    assert len(two.files("signals")) == 1 and all(
        Path(path).is_file() for path in before
    )  # a question may still read
    two.vacuum(hours=0)
    assert not any(Path(path).exists() for path in before)
    assert not list(tmp_path.rglob("*.part"))


def test_a_bucket_that_is_not_there_is_told(endpoint: str, tmp_path: Path) -> None:
    missing = store(endpoint, tmp_path, "s3://nowhere/lake")
    for use in (lambda: missing.append("signals", signals("a")), lambda: missing.version("signals")):
        with pytest.raises(NotFound, match="no such bucket") as caught:
            use()
        assert not leaks(caught.value)


def test_a_key_that_is_not_known_is_told_and_not_repeated(endpoint: str, tmp_path: Path) -> None:
    shut = store(endpoint, tmp_path, "s3://ears/shut")
    httpx.post(f"{endpoint}/moto-api/reset-auth", content="0")
    try:
        for use in (lambda: shut.append("signals", signals("a")), lambda: shut.version("signals")):
            with pytest.raises(WorldFailed, match="does not let this key in") as caught:
                use()
            assert not leaks(caught.value)
    finally:
        httpx.post(f"{endpoint}/moto-api/reset-auth", content=str(10**9))


def test_a_store_that_is_away_is_told_and_its_words_are_not(tmp_path: Path) -> None:
    with pytest.raises(WorldFailed, match="cannot be reached") as caught:
        store("http://127.0.0.1:9", tmp_path).version("signals")
    assert caught.value.again and not leaks(caught.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Server returned non-2xx status code: 403 Forbidden: <Code>InvalidAccessKeyId</Code> canaryKEY7", "does not let this key in"),
        ("404 Not Found: <Code>NoSuchBucket</Code>", "no such bucket"),
        ("501 Not Implemented", "no conditional writes"),
    ],
)  # fmt: skip
def test_each_answer_of_a_store_has_words(tmp_path: Path, words: str, said: str) -> None:
    place = Place(tmp_path, bucket_of("s3://ears/lake", "", "", GIVEN))
    failure = place.failure(OSError(words), "signals")
    assert said in failure.message and not leaks(failure)
    assert "canary" not in repr(place) + repr(place.bucket)


@pytest.mark.parametrize("url", ["s3://ears", "s3://key:canary@ears/lake", "ftp://ears/lake"])
def test_another_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Refused, match="s3://bucket/prefix") as caught:
        store("", tmp_path, url)
    assert not leaks(caught.value)


def leaks(error: BaseException) -> bool:
    return "canary" in "".join(traceback.format_exception(error))


def test_a_whole_space_lives_in_a_bucket(endpoint: str, tmp_path: Path) -> None:
    settings = Settings(
        space=SpaceSettings(name="shop"), lake=LakeSettings(url="s3://ears/shop", endpoint=endpoint)
    )
    rows: list[dict[str, Any]] = [
        {"signal_id": f"s{n}", "text": "My parcel never came", "identifiers": {"user_id": f"u{n % 7}"}}
        for n in range(50)
    ]
    with Space.open(tmp_path / "shop", settings=settings, environment=GIVEN) as space:
        space.hear(rows, source="own")
        space.digest()
        assert space.status()["stored"] == 50
        assert space.customer("u1").timeline().num_rows == 7
        space.erase("u1")
        space.tidy(now=True)
        assert space.sql("SELECT count(*) AS n FROM signals WHERE text IS NOT NULL").to_pylist()[0]["n"] <= 50
    assert not (tmp_path / "shop" / "lake").exists()
    # Another process on another disk sees the same, and counts nothing twice.
    with Space.open(tmp_path / "shop", environment=GIVEN) as space:
        space.hear(rows, source="own")
        assert space.digest(look=False) == {
            "stored": 0,
            "duplicates": 50,
            "refused": 0,
            "issues": 0,
            "cases": 0,
        }


def test_a_space_moves_by_its_backup_to_a_database_and_a_bucket_and_back(
    endpoint: str, migrated: Callable[[], str], tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [
        {
            "signal_id": f"s{n}",
            "text": "My parcel never came",
            "identifiers": {"email": f"u{n % 7}@example.com"},
        }
        for n in range(40)
    ]
    with Space.open(tmp_path / "shop", environment=GIVEN) as space:
        space.hear(rows[:20], source="own")
        space.digest()
        space.erase("u3@example.com")
        space.hear(rows[20:30], source="own")
        backup(space.ground, tmp_path / "1")
    key = tmp_path / "shop" / "space.key"
    away = {
        "desk": migrated(),
        "lake": "s3://ears/moved",
        "environment": GIVEN | {"AWS_ENDPOINT_URL": endpoint},
    }
    restore(tmp_path / "1", tmp_path / "away", key, [], **away)
    assert not list((tmp_path / "away").glob("desk.db*")) and not (tmp_path / "away" / "lake").exists()
    for taken in ({"desk": away["desk"]}, {"lake": away["lake"]}):
        with pytest.raises(Refused, match="one of its own"):
            restore(
                tmp_path / "1", tmp_path / "twice", key, [], **{**away, "desk": None, "lake": None, **taken}
            )
        assert not (tmp_path / "twice").exists()
    with Space.open(tmp_path / "away", environment=away["environment"]) as space:
        assert space.digest()["stored"] == 10
        space.hear(rows[30:], source="own")
        assert space.digest()["stored"] == 10
        space.erase("u4@example.com")
        told = [space.customer("u1@example.com").timeline(), space.counts()["stored"]]
        backup(space.ground, tmp_path / "2")
    restore(tmp_path / "2", tmp_path / "back", key, [])
    with Space.open(tmp_path / "back") as space:
        assert space.settings.desk.url.startswith("sqlite") and space.settings.lake.url == "lake"
        assert told == [space.customer("u1@example.com").timeline(), space.counts()["stored"]]
        assert told[1] == 40 and told[0].num_rows == 6
        assert space.verify_audit().ok
        with pytest.raises(NotFound):
            space.customer("u4@example.com")
        space.hear(rows, source="own")
        assert space.digest(look=False)["duplicates"] >= 28  # those of the two who were erased count anew


def test_a_bucket_that_is_not_there_leaves_no_half_space(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (GIVEN | {"AWS_ENDPOINT_URL": endpoint}).items():
        monkeypatch.setenv(name, value)
    assert run(["new", str(tmp_path / "shop"), "--lake", "s3://nowhere/lake"]) == 1
    out, err = capsys.readouterr()
    assert "no such bucket" in err and "canary" not in out + err
    assert not (tmp_path / "shop").exists()
    assert run(["new", str(tmp_path / "shop"), "--lake", "s3://ears/new"]) == 0


def test_a_prefix_given_to_two_spaces_is_noticed(endpoint: str, tmp_path: Path) -> None:
    def settings(name: str, url: str) -> Settings:
        return Settings(space=SpaceSettings(name=name), lake=LakeSettings(url=url, endpoint=endpoint))

    def shop(name: str, url: str) -> Space:
        return Space.open(tmp_path / name, settings=settings(name, url), environment=GIVEN)

    with shop("ash", "s3://ears/ash") as space:
        space.hear([{"signal_id": "s1", "text": "My parcel never came"}], source="own")
        assert space.digest(look=False)["stored"] == 1
    # A new space is refused before there is half of it.
    with pytest.raises(Refused, match="there is something at this place"):
        shop("birch", "s3://ears/ash")
    assert not (tmp_path / "birch").exists()
    # One that is there already, and is pointed at the other's place later, neither reads nor writes there.
    shop("birch", "s3://ears/birch").close()
    write_settings(tmp_path / "birch", settings("birch", "s3://ears/ash"))
    with Space.open(tmp_path / "birch", environment=GIVEN) as space:
        space.hear([{"signal_id": "s2", "text": "Late again"}], source="own")
        for ask in (lambda: space.digest(look=False), space.counts):
            with pytest.raises(Refused, match=r"another space's data.*\[lake\] url"):
                ask()
    with Space.open(tmp_path / "ash", environment=GIVEN) as space:
        assert space.digest(look=False)["stored"] == 0 and space.counts()["stored"] == 1


def test_of_two_that_come_at_once_one_has_the_prefix(endpoint: str, tmp_path: Path) -> None:
    bucket = bucket_of("s3://ears/at-once", "", endpoint, GIVEN)
    places = [Place(tmp_path / str(n), bucket, f"space{n}") for n in range(6)]

    def came(place: Place) -> bool:
        try:
            place.claim()
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(came, places))
    assert sum(found) == 1
    # Who was let in stays so, also from another machine.
    first = found.index(True)
    assert [came(Place(tmp_path / "more", bucket, f"space{n}")) for n in range(6)] == [
        n == first for n in range(6)
    ]
