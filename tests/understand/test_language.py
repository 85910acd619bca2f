import numpy as np
import pytest

from allears.understand.language import LANGUAGES, detect
from allears.understand.vocabulary import stopwords

SENTENCES = {
    "en": ["My parcel has not arrived yet", "why is the app so slow today?", "I love your new store"],
    "it": [
        "Il mio pacco non è ancora arrivato",
        "perché l'app è così lenta oggi?",
        "Mi piace il vostro negozio",
    ],
    "de": [
        "Mein Paket ist noch nicht angekommen",
        "warum ist die App heute so langsam?",
        "Ich mag euren Laden",
    ],
    "fr": ["Mon colis n'est pas encore arrivé", "pourquoi l'appli est si lente ?", "J'aime votre magasin"],
    "es": [
        "Mi paquete todavía no ha llegado",
        "¿por qué la app va tan lenta hoy?",
        "Me gusta vuestra tienda",
    ],
    "pt": [
        "Minha encomenda ainda não chegou",
        "por que o aplicativo está tão lento?",
        "Gosto muito da loja de vocês",
    ],
    "nl": ["Mijn pakket is nog niet aangekomen", "waarom is de app vandaag zo traag?"],
    "ru": ["Моя посылка ещё не пришла"],
    "ar": ["لم يصل طردي بعد"],
    "ja": ["荷物がまだ届いていません"],
    "el": ["Το δέμα μου δεν έχει φτάσει ακόμα"],
    "hi": ["मेरा पार्सल अभी तक नहीं आया", "bhai mera parcel abhi tak nahi aaya kya hua"],
}


@pytest.mark.parametrize("code", SENTENCES)
def test_short_messages_are_recognised(code):
    language, certainty = detect(SENTENCES[code])
    assert language.to_pylist() == [code] * len(SENTENCES[code])
    assert min(certainty.to_pylist()) > 0.5


def test_nothing_is_said_where_nothing_can_be_said():
    language, certainty = detect(["12345", "", None, "🙂🙂", "@shop https://x.example"])
    assert language.to_pylist() == [None] * 5
    assert certainty.to_pylist()[2] is None
    assert all(c < 0.5 for c in certainty.to_pylist() if c is not None)


def test_a_text_is_read_the_same_alone_and_among_others():
    texts = [text for group in SENTENCES.values() for text in group]
    together = np.array(detect(texts)[1].to_pylist())
    alone = np.array([detect([text])[1].to_pylist()[0] for text in texts])
    assert np.allclose(together, alone)


def test_letters_are_scored_as_py3langid_scores_them():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    from allears.understand.language import _letter_scores
    from allears.understand.words import chop

    slow = LanguageIdentifier.from_model_file(MODEL_FILE)
    slow.set_languages(LANGUAGES)
    texts = ["where is my parcel", "mein paket ist weg", "où est ma commande"]
    ours = _letter_scores(chop(texts))
    for row, text in enumerate(texts):
        theirs = dict(zip(slow.nb_classes, slow._raw_score(slow._encode(text)), strict=True))
        wanted = np.array([theirs[code] for code in LANGUAGES]) / np.sqrt(len(text.encode()))
        assert np.allclose(ours[row], wanted, rtol=1e-4, atol=1e-3)


def test_every_list_of_common_words_is_of_a_language_that_can_be_answered():
    assert set(stopwords()) <= set(LANGUAGES)


def test_no_texts_give_no_answers():
    language, certainty = detect([])
    assert len(language) == len(certainty) == 0
