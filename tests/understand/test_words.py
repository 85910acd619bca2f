import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allears.errors import Refused
from allears.understand.clean import LONGEST, clean_text, join_texts
from allears.understand.phrases import Phrases
from allears.understand.words import chop


def test_addresses_mentions_and_placeholders_are_not_words():
    words = chop(["@shop see https://x.example/a?b=c and <EMAIL_1> or <PHONE_2> please"])
    assert words.spell() == ["see", "and", "or", "please"]


def test_a_face_becomes_a_sign_but_a_time_or_an_address_does_not():
    assert clean_text("ok :)") == "ok 🙂"
    assert clean_text("at 10:00 or http") == "at 10:00 or http"


def test_broken_characters_are_mended():
    assert clean_text("cafÃ© closed") == "café closed"


def test_case_and_accents_do_not_change_a_word():
    a, b = chop(["PERCHÉ città"]), chop(["perche citta"])
    assert a.hash.tolist() == b.hash.tolist()


def test_shouting_counts_only_among_quiet_words():
    assert chop(["this is BAD service"]).shout.tolist() == [False, False, True, False]
    assert not chop(["THIS IS BAD"]).shout.any()


def test_a_letter_drawn_out_is_cut_and_marked():
    words = chop(["soooo gooood food"])
    assert words.spell() == ["soo", "good", "food"]
    assert words.drawl.tolist() == [True, True, False]


@given(st.lists(st.one_of(st.none(), st.text(max_size=60)), max_size=8))
def test_any_texts_keep_their_rows(texts):
    words = chop(texts)
    assert words.rows == len(texts)
    assert (np.diff(words.row) >= 0).all()
    assert len(words.exclaims) == len(texts)
    for row, text in enumerate(texts):
        alone = chop([text])
        assert words.hash[words.row == row].tolist() == alone.hash.tolist()


@given(st.lists(st.text(alphabet="abc ", max_size=30), min_size=1, max_size=6))
def test_plain_words_agree_with_splitting(texts):
    slow = [re.sub(r"(\w)\1{2,}", r"\1\1", word) for text in texts for word in text.split()]
    assert chop(texts).spell() == slow


def test_only_the_beginning_of_a_very_long_text_is_read():
    assert len(chop(["word " * LONGEST]).row) <= LONGEST


def test_joining_never_divides_a_text():
    assert join_texts(["a\x1eb", "c"]).count("\x1e") == 2


def test_beginnings_equal_the_hash_of_that_beginning():
    words, short = chop(["cancelled"]), chop(["cancel"])
    assert words.beginnings(6)[0] == short.hash[0]
    assert short.beginnings(7)[0] == 0


def _slowly(phrases, texts, gap):
    """The obvious way: every phrase at every place, a stem matching any ending."""
    found = set()
    for row, text in enumerate(texts):
        words = text.split()
        for number, phrase in enumerate(phrases):
            parts = phrase.split()

            def fits(part, word):
                return word.startswith(part[:-1]) if part.endswith("*") else word == part

            def walk(place, left, words=words, fits=fits):
                if not left:
                    return True
                ahead = range(place + 1, min(len(words), place + gap + 2))
                return any(fits(left[0], words[at]) and walk(at, left[1:]) for at in ahead)

            if any(fits(parts[0], word) and walk(at, parts[1:]) for at, word in enumerate(words)):
                found.add((row, number))
    return found


word = st.sampled_from(["pay", "payment", "payments", "late", "lately", "not", "no", "x"])
part = st.sampled_from(["pay", "pay*", "payment*", "late", "lat*", "late*", "not", "no*"])


@given(
    st.lists(st.lists(part, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=5),
    st.lists(st.lists(word, max_size=6).map(" ".join), min_size=1, max_size=4),
    st.integers(0, 2),
)
def test_phrases_agree_with_the_obvious_search(phrases, texts, gap):
    hits = Phrases(phrases, gap=gap).find(chop(texts))
    assert set(zip(hits.row.tolist(), hits.phrase.tolist(), strict=True)) == _slowly(phrases, texts, gap)


def test_a_phrase_never_reaches_into_the_next_text():
    assert not len(Phrases(["never arrived"]).find(chop(["it never", "arrived"])).row)


def test_a_phrase_without_words_is_refused():
    with pytest.raises(Refused):
        Phrases(["*"])


def test_hashes_do_not_change_from_release_to_release():
    # Saved models hold weights by hash.
    assert [hex(h) for h in chop(["late delivery"]).hash.tolist()] == HASHES


HASHES = ["0xb79a2431d7337737", "0xa1d0cb91cadd374e"]


def test_composed_and_decomposed_letters_are_one():
    assert chop([unicodedata.normalize("NFD", "città")]).hash[0] == chop(["città"]).hash[0]
