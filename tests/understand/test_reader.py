import numpy as np
import pyarrow as pa

import allears.understand as understand
from allears.understand import Reader, Sentiment, Topics, discover, read
from allears.understand.reader import CHUNK, SCHEMA

TEXTS = [
    "My card was declined, terrible!",
    None,
    "",
    "  ",
    "Grazie mille, servizio perfetto",
    "My card was declined, terrible!",
]


def test_the_door_shows_six_names():
    assert len(understand.__all__) <= 6


def test_null_and_blank_texts_say_nothing():
    for row in read(TEXTS).to_pylist()[1:4]:
        assert set(row.values()) == {None}


def test_columns_are_as_promised():
    batch = read(TEXTS)
    assert batch.schema == SCHEMA
    assert batch.num_rows == len(TEXTS)
    first, thanks = batch.to_pylist()[0], batch.to_pylist()[4]
    assert first["language"] == "en" and first["sentiment"] < 0 and first["topics"] == ["payment/declined"]
    assert thanks["language"] == "it" and thanks["sentiment"] > 0
    assert 0 <= first["sentiment_p"] <= 1 and 0 <= first["language_p"] <= 1


def test_equal_texts_read_equal():
    batch = read(TEXTS).to_pylist()
    assert batch[0] == batch[5]


def test_a_row_does_not_depend_on_the_others():
    many = [f"order number {i} is late" for i in range(50)]
    together = read(many).to_pylist()
    assert [read([text]).to_pylist()[0]["topics"] for text in many[:5]] == [
        row["topics"] for row in together[:5]
    ]
    assert np.allclose(
        [read([t]).to_pylist()[0]["sentiment"] for t in many[:5]], [r["sentiment"] for r in together[:5]]
    )


def test_lists_arrow_and_chunks_give_one_answer():
    column = pa.array(TEXTS)
    halves = pa.chunked_array([column[:2], column[2:]])
    assert read(TEXTS).equals(read(column))
    assert read(halves).equals(read(column))


def test_many_different_texts_are_read_in_chunks():
    texts = [f"message {i}" for i in range(CHUNK + 10)]
    assert read(texts).num_rows == CHUNK + 10


def test_no_texts_give_an_empty_batch():
    batch = read([])
    assert batch.num_rows == 0 and batch.schema == SCHEMA
    assert read([None]).num_rows == 1


def test_all_models_together():
    rng = np.random.default_rng(0)
    themes = [("kettle", "spout"), ("tent", "zipper")]
    said = [" ".join(rng.permutation([*themes[i % 2], "leaks", f"word{i % 7}"])) for i in range(120)]
    found = discover(said)
    topics = Topics().teach(
        {"Kettle": ["kettle spout", "kettle lid", "my kettle"], "Tent": ["tent peg", "tent pole", "a tent"]}
    )
    sentiment = Sentiment().learn(said, [-1 if "tent" in s else 1 for s in said])
    row = Reader(sentiment, topics, found).read(["kettle spout leaks"]).to_pylist()[0]
    assert row["sentiment"] > 0
    assert row["topics"][0] == "my/kettle"
    assert any(name.startswith("found/") for name in row["topics"])
