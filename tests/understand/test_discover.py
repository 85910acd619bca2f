import numpy as np
import pytest

from allears.understand.alike import group_alike
from allears.understand.discover import discover
from allears.understand.found import Found, assign_found
from allears.understand.naming import content_words, telling_words, terms
from allears.understand.vocabulary import empty_words
from allears.understand.words import chop

THEMES = {
    "scooter": ["scooter battery", "scooter brake", "folding scooter", "handlebar", "wheel", "charging dock"],
    "coffee": ["espresso machine", "coffee grinder", "milk foam", "beans", "descaling", "brewing"],
    "curtain": ["curtain rail", "blackout curtain", "fabric", "hem", "linen", "window hooks"],
    "garden": ["garden hose", "lawn mower", "hedge trimmer", "soil", "seedlings", "watering"],
}
FILL = [
    "really",
    "the",
    "my",
    "is",
    "with",
    "today",
    "after",
    "again",
    "because",
    "this",
    "about",
    "some",
    "please",
    "they",
    "when",
]


def _say(theme, rng):
    said = list(rng.choice(THEMES[theme], 3, replace=False))
    fill = list(rng.choice(FILL, 4))
    return " ".join([fill[0], theme, said[0], fill[1], said[1], fill[2], said[2], fill[3]])


def _stream(n, seed, themes=("scooter", "coffee", "curtain")):
    rng = np.random.default_rng(seed)
    truth = [str(t) for t in rng.choice(list(themes), n)]
    return [_say(theme, rng) for theme in truth], truth


def _homes(texts, found):
    return [ids[0] if ids else None for ids in assign_found(texts, found).to_pylist()]


def _purity(truth, homes):
    pairs = [(t, h) for t, h in zip(truth, homes, strict=True) if h]
    per = {h: [t for t, x in pairs if x == h] for h in {h for _, h in pairs}}
    return sum(max(map(ts.count, set(ts))) for ts in per.values()) / len(pairs), len(pairs) / len(truth)


def test_planted_themes_are_found():
    texts, truth = _stream(400, 0)
    purity, covered = _purity(truth, _homes(texts, discover(texts)))
    assert purity > 0.95
    assert covered > 0.8


def test_the_same_texts_give_the_same_topics_whatever_their_order():
    texts, _ = _stream(300, 0)
    assert discover(texts) == discover(texts)
    assert discover(texts[::-1]) == discover(texts)


def test_a_second_run_over_the_same_texts_changes_no_id_and_hardly_a_text():
    texts, _ = _stream(400, 0)
    first = discover(texts)
    second = discover(texts, first)
    assert [topic.id for topic in second] == [topic.id for topic in first]
    same = np.mean([a == b for a, b in zip(_homes(texts, first), _homes(texts, second), strict=True)])
    assert same > 0.95


def test_another_day_keeps_nearly_all_assignments():
    texts, _ = _stream(500, 0)
    before = discover(texts)
    day, _ = _stream(120, 9)
    after = discover([*texts, *day], before)
    kept = [a == b for a, b in zip(_homes(texts, before), _homes(texts, after), strict=True) if a]
    assert np.mean(kept) > 0.95
    assert [t.id for t in after][: len(before)] == [t.id for t in before]
    assert [t.label for t in after][: len(before)] == [t.label for t in before]


def test_a_new_theme_gets_a_new_id_and_old_ones_stay():
    texts, _ = _stream(400, 0)
    before = discover(texts)
    fresh, _ = _stream(80, 3, ["garden"])
    after = discover([*texts, *fresh], before)
    added = {t.id for t in after} - {t.id for t in before}
    assert added
    homes = _homes(fresh, after)
    assert np.mean([home in added for home in homes]) > 0.7


def test_a_theme_nobody_speaks_of_keeps_its_id_with_size_zero():
    texts, truth = _stream(400, 0)
    before = discover(texts)
    left = [text for text, theme in zip(texts, truth, strict=True) if theme != "coffee"]
    after = discover(left, before)
    assert {t.id for t in before} <= {t.id for t in after}
    gone = [t for t in after if "coffee" in t.label or "coffee" in t.weights]
    assert all(t.size == 0 for t in gone if t.terms[0].startswith(("coffee", "espresso", "milk")))


def test_copies_count_once():
    texts, _ = _stream(200, 0)
    campaign = [f"Win a brand new scooter brake now, click the magic link number {i}" for i in range(500)]
    found = discover([*texts, *campaign])
    assert max(topic.size for topic in found) < 300
    assert not any("magic" in topic.label for topic in found)


def test_two_topics_that_mean_the_same_become_one():
    texts, _ = _stream(300, 0)
    found = discover(texts)
    twin = Found("found/twin", "twin", found[0].terms, found[0].weights, found[0].least, 1)
    merged = {t.id: t for t in discover(texts, [*found, twin])}
    pair = [merged[found[0].id], merged["found/twin"]]
    assert sorted(bool(t.into) for t in pair) == [False, True]
    dead = next(t for t in pair if t.into)
    assert dead.id not in set(_homes(texts, list(merged.values())))


def test_labels_are_words_a_person_understands():
    texts = [f"{text} <EMAIL_1> https://x.example @shop 123" for text in _stream(400, 0)[0]]
    for topic in discover(texts):
        words = topic.label.replace(",", "").split()
        assert 2 <= len(words) <= 6
        assert not set(words) & empty_words()
        assert not any("email" in word or word.isdigit() or "http" in word for word in words)


@pytest.mark.parametrize("texts", [[], [None, ""], ["one text"], ["same text again"] * 50])
def test_too_little_gives_no_topics(texts):
    assert discover(texts) == []


def test_no_topics_assign_nothing():
    assert assign_found(["a", None], []).to_pylist() == [[], []]


def test_the_limit_holds_and_the_choice_is_by_words():
    texts, _ = _stream(400, 0)
    found = discover(texts, limit=150)
    assert sum(topic.size for topic in found) <= 150
    assert discover(texts[::-1], limit=150) == found


def test_copies_are_grouped_and_different_texts_are_not():
    copies = [
        "Our shop opens at nine on Monday morning 😀",
        "our shop opens at nine on monday morning!!",
        "OUR SHOP opens at nine on Monday morning 5",
    ]
    other = ["the kettle leaks", "my kettle arrived", "", ""]
    assert group_alike(chop([*copies, *other])).tolist() == [0, 0, 0, 3, 4, 5, 6]


def test_telling_words_tell_groups_apart():
    groups = [_stream(60, 1, [theme])[0] for theme in ("coffee", "garden")]
    coffee, garden = telling_words(groups, most=5)
    assert any("coffee" in word or "espresso" in word for word in coffee)
    assert not set(coffee) & set(garden)


def test_a_gap_divides_a_pair():
    assert terms(content_words(["card was declined"])[0]) == ["card", "declined"]
    assert "gift card" in terms(content_words(["gift card"])[0])
