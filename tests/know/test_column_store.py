from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from allears.know.column_store import Columns, Index


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=20), max_size=6))
def test_an_index_answers_as_a_dictionary_does(batches: list[list[int]]) -> None:
    index, plain = Index(), dict[int, int]()
    for batch in batches:
        new = [key for key in dict.fromkeys(batch) if key not in plain]
        places = list(range(len(plain), len(plain) + len(new)))
        index.add(np.array(new, np.uint64), np.array(places, np.int64))
        plain |= dict(zip(new, places, strict=True))
        gone = [key for key in plain if key % 7 == 3]
        index.drop(np.array(gone, np.uint64))
        for key in gone:
            del plain[key]
        asked = [*batch, 5]
        assert index.find(np.array(asked, np.uint64)).tolist() == [plain.get(key, -1) for key in asked]


@given(st.lists(st.integers(0, 100), max_size=8))
def test_columns_keep_what_was_appended_and_fill_the_rest_with_zero(sizes: list[int]) -> None:
    columns = Columns(a=np.int64, b=np.bool_)
    kept: list[int] = []
    for size in sizes:
        places = columns.append(size, a=np.arange(size))
        assert places.tolist() == list(range(len(kept), len(kept) + size))
        kept += range(size)
    assert columns["a"].tolist() == kept
    assert not columns["b"].any()
    assert len(columns) == len(kept)
