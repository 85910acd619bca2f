import numpy as np
from scipy import sparse

from allears.understand.features import BITS, HALF, Weighting, hashed
from allears.understand.learning import deal_folds, fit_few, fit_softmax, fit_temperature, log_softmax
from allears.understand.words import chop


def _problem(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    true = np.array([[1.5, 0.0, -1.5], [0.0, 1.0, -1.0], [0.0, 0.0, 0.0]])
    chance = np.exp(log_softmax(x @ true))
    y = (chance.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1)
    return x, y, true


def test_chosen_coefficients_come_back():
    x, y, true = _problem()
    found, _ = fit_softmax(sparse.csr_matrix(x), y, 3, ridge=0.01)
    centred = found - found.mean(axis=1, keepdims=True)
    assert np.abs(centred - (true - true.mean(axis=1, keepdims=True))).max() < 0.15


def test_an_offset_that_knows_it_all_leaves_nothing_to_learn():
    x, y, true = _problem()
    found, _ = fit_softmax(sparse.csr_matrix(x), y, 3, offset=x @ true, ridge=1.0)
    assert np.abs(found).max() < 0.15


def test_a_strong_ridge_keeps_the_start():
    x, y, _ = _problem(200)
    found, _ = fit_softmax(sparse.csr_matrix(x), y, 3, ridge=1e6)
    assert np.abs(found).max() < 1e-3


def test_the_short_way_over_few_rows_gives_the_same_decisions():
    x, y, _ = _problem(60)
    wide = sparse.csr_matrix(np.hstack((x, np.random.default_rng(1).normal(size=(60, 200)) * 0.1)))
    few = wide @ fit_few(wide, y, 3, ridge=1.0)
    full = wide @ fit_softmax(wide, y, 3, ridge=1.0, steps=200)[0]
    assert (few.argmax(axis=1) == full.argmax(axis=1)).mean() > 0.9


def test_temperature_mends_overconfidence():
    x, y, true = _problem()
    assert abs(fit_temperature(x @ true * 3, y) - 1 / 3) < 0.05


def test_folds_keep_groups_together_and_are_all_used():
    groups = np.repeat(np.arange(40), 3)
    fold = deal_folds(groups, 4)
    assert all(len(set(fold[groups == g].tolist())) == 1 for g in range(40))
    assert set(fold.tolist()) == {0, 1, 2, 3}


def test_features_of_a_text_do_not_depend_on_its_neighbours():
    texts = ["late again", "", "the card was declined", "late again"]
    together = hashed(chop(texts)).toarray() if BITS < 12 else hashed(chop(texts))
    for row, text in enumerate(texts):
        assert (together[[row]] != hashed(chop([text]))).nnz == 0


def test_words_and_letters_share_a_row_in_halves():
    counts = hashed(chop(["the card was declined", "late again"]))
    rows = Weighting.learn(counts).apply(counts)
    assert np.allclose(np.sqrt(rows.multiply(rows).sum(axis=1)), 1)
    place = Weighting.learn(counts).columns >= HALF
    assert np.allclose(
        rows[:, np.flatnonzero(place)].multiply(rows[:, np.flatnonzero(place)]).sum(axis=1), 0.5
    )


def test_letter_sequences_are_counted_as_written_out():
    counts = hashed(chop(["abab"]), letters=(2,), pairs=False)
    # " a" "ab" "ba" "ab" "b ": four different, one of them twice; and the word itself.
    assert sorted(counts.data.tolist()) == [1, 1, 1, 1, 2]
