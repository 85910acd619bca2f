from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from allears.foresee.near import NearDuplicates, near_groups, normalise

WORDS = st.lists(
    st.sampled_from(
        [
            "parcel",
            "late",
            "again",
            "never",
            "arrived",
            "driver",
            "refund",
            "queue",
            "broken",
            "lamp",
            "order",
            "waiting",
        ]
    ),
    min_size=6,
    max_size=25,
)


@given(WORDS, st.integers(0, 9999))
def test_what_copies_vary_does_not_part_them(words, number):
    text = " ".join(words)
    assert near_groups([text, f"@shop {text.upper()}!! https://x.example/{number} 🎉 {number}"]).tolist() == [
        0,
        0,
    ]


@given(st.lists(WORDS, max_size=8))
def test_groups_are_numbered_in_order_of_appearance(texts):
    groups = near_groups([" ".join(t) for t in texts]).tolist()
    assert sorted(set(groups)) == list(range(len(set(groups))))
    assert all(g <= max(groups[:i], default=-1) + 1 for i, g in enumerate(groups))


def test_one_changed_word_in_a_long_text_is_a_copy_and_another_text_is_not():
    text = "the parcel was promised for monday and the driver never came to our street although we waited all day long"
    assert near_groups(
        [text, text.replace("monday", "sunday"), "my lamp arrived broken and nobody answers the phone"]
    ).tolist() == [0, 0, 1]


def test_short_texts_are_never_copies():
    assert near_groups(["thanks", "thanks", ""]).tolist() == [0, 1, 2]


def test_copies_are_found_as_pairwise_comparison_finds_them():
    random = np.random.default_rng(5)
    words = ["".join(random.choice(list("abcdefghij"), 6)) for _ in range(60)]
    texts = [" ".join(random.choice(words, 14)) for _ in range(60)]
    texts += [" ".join([*t.split()[:-1], "changed"]) for t in texts]

    def shingles(text: str) -> set[str]:
        plain = normalise(text)
        return {plain[i : i + 5] for i in range(len(plain) - 4)}

    groups = near_groups(texts)
    for i in range(60):
        left, right = shingles(texts[i]), shingles(texts[i + 60])
        alike = len(left & right) / len(left | right)
        if alike >= 0.85 or alike < 0.75:
            assert (groups[i] == groups[i + 60]) == (alike >= 0.8)


def test_batches_group_as_one_call_does_and_forgetting_starts_anew():
    texts = [
        "the queue is endless today",
        "my lamp arrived broken",
        "the queue is endless today!",
        "the queue is endless, today",
    ]
    memory = NearDuplicates()
    parts = [memory.groups(texts[:2], np.array([0, 0])), memory.groups(texts[2:], np.array([1, 1]))]
    assert np.concatenate(parts).tolist() == near_groups(texts).tolist()
    memory.forget(100)
    assert memory.groups(texts[:1], np.array([101]))[0] not in set(np.concatenate(parts).tolist())
