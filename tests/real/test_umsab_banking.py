"""Moods in seven languages, and questions to a bank: read through the door, and held against their labels.

Two of the seven languages are learned, and one draw of examples is taught; the bench does all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from allears.space import Space


def test_all_rows_are_read(new_space: Callable[[], Space], shared_data: Path) -> None:
    from bench.labelled import SPOKEN

    space, tweets = new_space(), 0
    for language, code in SPOKEN.items():
        for part in ("train", "val"):
            path = shared_data / "umsab" / language / f"{part}_text.txt"
            receipt = space.listen(path, source=f"umsab-{code}-{part}")
            assert receipt.refused == 0
            tweets += receipt.accepted
    assert tweets == 15_131
    receipt = space.listen(shared_data / "banking77" / "train.csv", source="banking")
    assert (receipt.accepted, receipt.refused) == (9_996, 0)


def test_languages_are_named(new_space: Callable[[], Space], shared_data: Path) -> None:
    from bench.labelled import SPOKEN

    space = new_space()
    for language, code in SPOKEN.items():
        space.listen(shared_data / "umsab" / language / "val_text.txt", source=code)
    space.digest(look=False)
    rows = space.sql(
        "SELECT source, avg(CAST(coalesce(language = source, false) AS INT)) AS right FROM signals GROUP BY 1"
    )
    right = {one["source"]: one["right"] for one in rows.to_pylist()}
    # Most of the Hindi tweets are typed in Latin letters, among English words.
    assert right.pop("hi") > 0.12
    assert min(right.values()) > 0.87
    assert np.mean(list(right.values())) > 0.95


@pytest.mark.parametrize(("language", "floor"), [("french", 0.60), ("italian", 0.56)])
def test_moods_are_learned_from_a_few_hundred_labels(language: str, floor: float, shared_data: Path) -> None:
    from bench.labelled import SPOKEN, umsab

    from allears.understand import Sentiment
    from allears.understand.scores import compare

    texts, labels = umsab(shared_data, language, "train")
    held, truth = umsab(shared_data, language, "val")
    base = Sentiment()
    learned = base.learn(texts, labels, languages=[SPOKEN[language]] * len(texts))
    before, after = (
        compare(truth, base.chances(held)).macro_f1,
        compare(truth, learned.chances(held)).macro_f1,
    )
    assert after > floor
    assert after > before


def test_seventy_seven_topics_are_taught_by_ten_examples_each(shared_data: Path) -> None:
    from bench.labelled import few_shot

    assert few_shot(shared_data, seed=11) > 68
