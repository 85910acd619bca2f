from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from allears.foresee.likeness import Likeness

WORDS = st.lists(
    st.sampled_from(["lamp", "door", "glass", "wheel", "paper", "stone", "river", "cloud"]), max_size=6
)


@given(st.lists(WORDS, min_size=1, max_size=12), st.integers(0, 11))
def test_a_text_is_alike_to_earlier_ones_only_and_never_beyond_one(texts, first):
    memory = Likeness(0.3)
    memory.add([" ".join(words) for words in texts])
    row, column, cosine = memory.alike(min(first, len(texts)))
    assert (column < row).all()
    assert ((cosine >= 0.3) & (cosine <= 1 + 1e-9)).all()


@given(st.lists(WORDS, min_size=2, max_size=12), st.integers(1, 11))
def test_one_by_one_gives_the_same_pairs_as_together(texts, cut):
    cut = min(cut, len(texts))
    said = [" ".join(words) for words in texts]
    whole, stepped = Likeness(0.3), Likeness(0.3)
    whole.add(said)
    stepped.add(said[:cut])
    before = stepped.alike(0)
    stepped.add(said[cut:])
    after = stepped.alike(cut)
    for together, parts in zip(whole.alike(0), zip(before, after, strict=True), strict=True):
        assert np.array_equal(together, np.concatenate(parts))


def test_words_everybody_uses_make_nothing_alike():
    memory = Likeness(0.3)
    memory.add([f"hello shop {chr(97 + at) * 5}" for at in range(25)])
    memory.forget(0)
    memory.add(["hello shop zebra", "hello shop quartz"])
    assert not len(memory.alike(25)[0])
