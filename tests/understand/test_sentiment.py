import numpy as np
import pytest

from allears.errors import NotReady, Refused
from allears.understand.polarity import LANGUAGES, check_lists
from allears.understand.scores import compare
from allears.understand.sentiment import Sentiment

GOOD = {
    "en": "The courier was lovely, thank you so much!",
    "it": "Servizio ottimo e personale gentilissimo, grazie!",
    "de": "Super Service, sehr freundliche Mitarbeiter, danke!",
    "fr": "Service excellent, équipe très sympathique, merci !",
    "es": "Excelente servicio y personal muy amable, ¡gracias!",
    "pt": "Atendimento excelente, equipe maravilhosa, obrigado!",
}
BAD = {
    "en": "Worst service ever, my order was lost and nobody cares",
    "it": "Servizio pessimo, pacco perso e nessuno risponde, vergogna",
    "de": "Katastrophaler Service, Paket verloren, bin sehr enttäuscht",
    "fr": "Service nul, colis perdu, une honte, je suis très déçu",
    "es": "Pésimo servicio, perdieron mi paquete, qué vergüenza",
    "pt": "Péssimo atendimento, perderam minha encomenda, que vergonha",
}


@pytest.mark.parametrize("code", LANGUAGES)
def test_praise_and_blame_are_told_apart_in_each_language(code):
    score, certainty = Sentiment().score([GOOD[code], BAD[code]], [code, code])
    assert score[0] > 0.3
    assert score[1] < -0.3
    assert (certainty > 0.5).all()


def test_the_language_need_not_be_given():
    given = Sentiment().score([BAD["it"]], ["it"])[0]
    assert Sentiment().score([BAD["it"]])[0] == pytest.approx(given)


def _score(text, language="en"):
    return float(Sentiment().score([text], [language])[0][0])


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ("the app is good", "the app is very good"),
        ("the app is good", "the app is GOOD"),
        ("so good", "so goooood"),
        ("the app is good", "the app is good!!!"),
        ("the app is good", "the app is good 😍"),
        ("slightly good", "good"),
        ("the app is not good", "the app is good"),
        ("good but slow and broken", "slow and broken but good"),
        ("ich bin nicht zufrieden", "ich bin zufrieden"),
    ],
)
def test_small_words_and_signs_move_the_score_the_right_way(weaker, stronger):
    code = "de" if "ich" in weaker else "en"
    assert _score(weaker, code) < _score(stronger, code)


def test_a_phrase_outweighs_its_words():
    assert _score("not bad at all") > 0


def test_one_word_may_mean_two_things_in_two_languages():
    assert _score("die Lieferung kam heute", "de") == pytest.approx(
        _score("die Ware kam heute", "de"), abs=0.05
    )


def test_nothing_said_is_neither():
    score, _ = Sentiment().score(["the parcel is on the table", "", None], ["en", None, None])
    assert np.abs(score).max() < 0.15


def test_no_list_weighs_a_word_twice():
    assert check_lists() == []


def _made_up(n, seed=0):
    """Texts of a shop where 'zorp' is praise and 'blick' is blame: words no list knows."""
    rng = np.random.default_rng(seed)
    fill = np.array(["order", "shop", "today", "counter", "paper", "window", "street", "lamp"])
    labels = rng.integers(-1, 2, n)
    marks = {-1: "blick", 0: "", 1: "zorp"}
    texts = [" ".join([*rng.choice(fill, 5), marks[int(label)], str(rng.choice(fill))]) for label in labels]
    return texts, labels


def test_it_learns_words_that_no_list_knows():
    texts, labels = _made_up(200)
    before, after = Sentiment(), Sentiment().learn(texts, labels)
    fresh, truth = _made_up(100, seed=1)
    assert (before.classify(fresh) == truth).mean() < 0.6
    assert (after.classify(fresh) == truth).mean() > 0.95
    assert before.lessons == ()


def test_learning_keeps_what_was_known():
    texts, labels = _made_up(60)
    taught = Sentiment().learn(texts, labels)
    assert taught.score([GOOD["en"]])[0][0] > 0.2
    assert taught.score([BAD["en"]])[0][0] < -0.2


def test_ratings_teach_and_middling_ones_teach_less():
    texts, labels = _made_up(300)
    ratings = np.select([labels == -1, labels == 1], [0.0, 1.0], 0.5)
    taught = Sentiment().from_ratings(texts, ratings)
    fresh, truth = _made_up(100, seed=2)
    assert (taught.classify(fresh) == truth).mean() > 0.9


def test_a_rating_between_is_left_out():
    texts, labels = _made_up(100)
    ratings = np.where(labels == 1, 0.9, 0.1)
    with_doubt = [*texts, "zorp zorp"]
    a = Sentiment().from_ratings(texts, ratings)
    b = Sentiment().from_ratings(with_doubt, [*ratings, 0.33])
    assert a.to_bytes() == b.to_bytes()


def test_the_same_lesson_gives_the_same_model_and_bytes_bring_it_back():
    texts, labels = _made_up(120)
    model = Sentiment().learn(texts, labels)
    assert Sentiment().learn(texts, labels).to_bytes() == model.to_bytes()
    again = Sentiment.from_bytes(model.to_bytes())
    assert again.version == model.version == "sentiment-1+120"
    assert np.allclose(again.chances(texts), model.chances(texts), atol=0.01)
    assert Sentiment.from_bytes(Sentiment().to_bytes()).version == "sentiment-1"


@pytest.mark.parametrize("data", [b"", b"nonsense", b"PK\x03\x04broken"])
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(Refused):
        Sentiment.from_bytes(data)


def test_a_wrong_lesson_is_refused():
    texts, labels = _made_up(30)
    with pytest.raises(Refused):
        Sentiment().learn(texts, labels[:-1])
    with pytest.raises(Refused):
        Sentiment().learn(texts, labels + 5)
    with pytest.raises(NotReady) as caught:
        Sentiment().learn(texts[:5], labels[:5])
    assert caught.value.facts == {"got": 5, "needed": 20}


def _noisy(n, seed):
    """Texts whose mark is right with a chance that grows with how often it is said."""
    rng = np.random.default_rng(seed)
    strength = rng.integers(0, 4, n)
    labels = rng.integers(-1, 2, n)
    marks = np.array(["blick", "plain", "zorp"])
    said = np.where(rng.random(n) < 0.34 + strength * 0.22, labels, rng.integers(-1, 2, n))
    return [
        " ".join(["item", *[str(marks[s + 1])] * (k + 1), f"w{i % 17}"])
        for i, (s, k) in enumerate(zip(said, strength, strict=True))
    ], labels


def test_higher_certainty_is_more_often_right_and_is_what_it_says():
    texts, labels = _noisy(1500, 0)
    model = Sentiment().learn(texts, labels)
    fresh, truth = _noisy(1500, 1)
    found = compare(truth, model.chances(fresh))
    bands = [band for band in found.reliability if band.n >= 50]
    assert bands[-1].accuracy > bands[0].accuracy + 0.2
    assert found.calibration_error < 0.08


def test_cross_validation_measures_what_learning_reaches_and_keeps_groups_together():
    texts, labels = _made_up(150)
    found = Sentiment().evaluate(texts, labels)
    assert found.macro_f1 > 0.9
    assert found.n == 150
    # Labels drawn at random per author cannot be learned when authors stay together.
    rng = np.random.default_rng(0)
    authors = np.repeat(np.arange(30), 5)
    drawn = np.repeat(rng.integers(-1, 2, 30), 5)
    signed = [f"author{a} writes" for a in authors]
    assert Sentiment().evaluate(signed, drawn, groups=authors.tolist()).accuracy < 0.55


def test_the_slow_way_gives_the_same_figures():
    from sklearn.metrics import accuracy_score, f1_score

    rng = np.random.default_rng(0)
    truth, chances = rng.integers(-1, 2, 200), rng.dirichlet([1, 1, 1], 200)
    found, said = compare(truth, chances), chances.argmax(axis=1) - 1
    assert found.accuracy == pytest.approx(accuracy_score(truth, said))
    assert found.macro_f1 == pytest.approx(f1_score(truth, said, average="macro"))
    assert sum(band.n for band in found.reliability) == 200
