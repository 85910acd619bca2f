import tomllib
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allears.errors import NotReady, Refused
from allears.tables.findings import TOPICS
from allears.understand.taught import Taught
from allears.understand.taxonomy import taxonomy
from allears.understand.topics import Topics, best_lists

SAID = {
    "payment/declined": ["my card keeps getting declined", "la carta è stata rifiutata", "Zahlung fehlgeschlagen", "mon paiement a été refusé", "me rechazan la tarjeta, pago rechazado", "meu cartão foi recusado"],
    "delivery/late": ["where is my order, still not delivered", "il pacco non è ancora arrivato", "Wo bleibt mein Paket?", "toujours pas reçu ma commande", "mi pedido no llega", "ainda não recebi minha encomenda"],
    "app/crash": ["the app keeps crashing", "l'app si chiude da sola", "die App stürzt ab seit dem Update", "l'appli plante tout le temps", "la app se cierra sola", "o aplicativo trava toda hora"],
    "account/login": ["cannot log in, password reset fails", "non riesco ad accedere", "kann mich nicht einloggen", "impossible de me connecter", "no puedo iniciar sesión", "não consigo fazer login"],
    "support/wait": ["on hold for two hours", "nessuno risponde al telefono", "hänge seit einer Stunde in der Warteschleife", "personne ne répond", "nadie contesta el teléfono", "ninguém atende o telefone"],
    "refund/missing": ["still waiting for my refund", "voglio il rimborso", "wo bleibt meine Rückerstattung", "j'attends mon remboursement", "quiero mi reembolso", "quero meu reembolso"],
    "privacy/leak": ["I can see another customer's details", "fuga di dati", "Datenleck bei euch", "fuite de données", "filtración de datos", "vazamento de dados"],
    "network/outage": ["no internet since this morning", "internet non funziona da ieri", "kein Internet seit heute früh", "plus d'internet depuis ce matin", "sin internet desde ayer", "sem internet desde ontem"],
    "product/wish": ["would be great if you had dark blue", "sarebbe bello avere il ritiro in negozio", "wäre schön wenn es das in blau gäbe", "ce serait bien d'avoir un mode sombre", "estaría bien poder elegir la hora", "seria ótimo ter modo escuro"],
    "staff/praise": ["the staff was great and so friendly", "personale gentilissimo", "sehr freundliche Mitarbeiter", "personnel très aimable", "personal muy amable", "funcionários muito simpáticos, equipe ótima"],
}  # fmt: skip
CODES = ["en", "it", "de", "fr", "es", "pt"]


@pytest.mark.parametrize("topic", SAID)
def test_a_topic_is_found_in_six_languages(topic):
    found = Topics().assign(SAID[topic], CODES).to_pylist()
    missed = [code for code, ids in zip(CODES, found, strict=True) if topic not in ids]
    assert missed == []


def test_the_language_may_be_unknown():
    found = Topics().assign([texts[1] for texts in SAID.values()]).to_pylist()
    assert sum(topic in ids for topic, ids in zip(SAID, found, strict=True)) >= len(SAID) - 1


def test_small_talk_has_no_topic():
    texts = ["good morning everyone", "what a sunny day", "ok", "", None]
    assert Topics().assign(texts).to_pylist() == [[], [], [], [], []]


def test_two_complaints_give_two_topics():
    found = (
        Topics().assign(["App keeps crashing and nobody answers, on hold for hours"], ["en"]).to_pylist()[0]
    )
    assert {"app/crash", "support/wait"} <= set(found)


def test_a_phrase_of_another_language_does_not_count():
    # "caro" is dear (beloved) in an English name, expensive in Spanish.
    assert Topics().assign(["Thank you Caro"], ["en"]).to_pylist() == [[]]


def test_the_taxonomy_is_whole():
    raw = tomllib.loads(files("allears.understand").joinpath("taxonomy.toml").read_text("utf-8"))["topic"]
    ids = [topic["id"] for topic in raw]
    assert len(ids) == len(set(ids)) >= 50
    for topic in raw:
        assert topic["id"].count("/") == 1
        assert topic["label"] and topic["department"]
        assert topic["valence"] in {"problem", "praise", "wish", "neutral"}
        assert all(topic.get(code) for code in CODES), topic["id"]
    assert {t.valence for t in taxonomy().topics} == {"problem", "praise", "wish", "neutral"}


def test_every_phrase_finds_its_own_topic():
    known = taxonomy()
    spelled = [phrase.replace("*", "") for phrase in known.spelled]
    from allears.understand.words import chop

    hits = known.phrases.find(chop(spelled))
    own = {(r, known.topic[p]) for r, p in zip(hits.row.tolist(), hits.phrase.tolist(), strict=True)}
    missed = [known.spelled[row] for row in range(len(spelled)) if (row, known.topic[row]) not in own]
    assert missed == []


EXAMPLES = {
    "Gift wrap": ["can you gift wrap this", "gift wrapping please", "I want it wrapped as a gift", "is wrapping paper included"],
    "Vegan range": ["do you have vegan cheese", "more vegan options please", "is this burger vegan", "vegan menu"],
}  # fmt: skip


def test_taught_topics_come_first_and_refuse_what_is_not_theirs():
    mine = Topics().teach(EXAMPLES)
    found = mine.assign(
        ["please gift wrap my parcel", "any vegan desserts?", "my card was declined"]
    ).to_pylist()
    assert found[0][0] == "my/gift-wrap"
    assert found[1][0] == "my/vegan-range"
    assert found[2] == ["payment/declined"]


def test_teaching_leaves_the_teacher_as_it_was():
    base = Topics()
    base.teach(EXAMPLES)
    assert base.taught is None


def test_a_taught_classifier_comes_back_from_bytes():
    taught = Topics().teach(EXAMPLES).taught
    again = Taught.from_bytes(taught.to_bytes())
    assert again.ids == taught.ids
    texts = ["gift wrapped", "vegan pizza", "something else"]
    assert Topics(again).assign(texts) == Topics(taught).assign(texts)
    with pytest.raises(Refused):
        Taught.from_bytes(b"nonsense")


@pytest.mark.parametrize(
    ("examples", "error"),
    [
        ({}, Refused),
        ({"A": ["one", "two"]}, NotReady),
        ({"A b": ["x"] * 3, "a-b": ["y"] * 3}, Refused),
        ({"!!": ["x"] * 3}, Refused),
    ],
)
def test_wrong_examples_are_refused(examples, error):
    with pytest.raises(error):
        Topics().teach(examples)


def test_an_error_never_repeats_an_example():
    with pytest.raises(NotReady) as caught:
        Topics().teach({"Secret name": ["only one"]})
    assert "Secret" not in str(caught.value) and "only" not in str(caught.value)


def test_the_description_has_the_table_s_columns():
    table = Topics().teach(EXAMPLES).describe()
    assert table.schema == TOPICS.schema
    rows = table.to_pylist()
    assert rows[0]["topic"] == "my/gift-wrap" and rows[0]["origin"] == "taught" and rows[0]["size"] == 4
    assert rows[0]["terms"]
    assert {row["origin"] for row in rows} == {"taught", "taxonomy"}
    assert len({row["topic"] for row in rows}) == len(rows)


@given(st.integers(0, 5), st.integers(1, 6), st.integers(0, 10_000))
def test_best_lists_are_the_best(rows, width, seed):
    scores = np.random.default_rng(seed).integers(0, 5, (rows, width)).astype(float)
    ids = [f"t{i}" for i in range(width)]
    for row, found in zip(scores, best_lists(scores, ids, enough=1.0).to_pylist(), strict=True):
        assert len(found) <= 3
        values = [row[ids.index(name)] for name in found]
        assert values == sorted(values, reverse=True)
        assert all(v >= 1 for v in values)
        assert bool(found) == (row.max(initial=0) >= 1)
