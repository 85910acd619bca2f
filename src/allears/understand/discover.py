"""Topics nobody named yet, with ids that stay the same from day to day.

A topic is a list of weighted words and pairs. Each run first gives texts to the topics already known; only what is
left over is clustered for new ones. So an id keeps its meaning by construction, and another day of texts moves
little. Near copies are counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from allears.understand.alike import group_alike
from allears.understand.features import pair_key
from allears.understand.learning import single_thread
from allears.understand.naming import LABEL_WORDS, content_words, label_of, spread, terms, weigh_terms
from allears.understand.phrases import HashIndex
from allears.understand.topics import best_lists
from allears.understand.vocabulary import empty_words
from allears.understand.words import Numbers, Words, chop

LEAST_SIZE = 6
_LEAST_SHARE = 0.004
_KEPT_TERMS = 40
_DIMENSIONS = 64
_MOST_CLUSTERS = 60
_ROUNDS = 3
_COHERENT = 0.4
_BELONGS = 0.55
_SAME = 0.8
_LEARNING = 0.05
_SPOKEN = 0.6


class Found(msgspec.Struct, frozen=True):
    """A topic that was found.

    Attributes
    ----------
    id
        ``found/...``; never given to another topic.
    label
        Two to three words or pairs that tell it apart; set once.
    terms
        The words that carry it, best first.
    weights
        Words and pairs with their weights, unit length.
    least
        Score from which a text belongs.
    size
        Different texts (near copies counted once) in the last run.
    parents
        Topics it branched off.
    into
        The topic it was merged into; it is assigned no more.
    """

    id: str
    label: str
    terms: tuple[str, ...]
    weights: dict[str, float]
    least: float
    size: int
    parents: tuple[str, ...] = ()
    into: str = ""


def discover(
    texts: Sequence[str | None],
    previous: Sequence[Found] | None = None,
    *,
    seed: int = 0,
    limit: int = 20_000,
) -> list[Found]:
    """Find topics in texts.

    Parameters
    ----------
    texts
        Redacted texts of the last days.
    previous
        What the last run answered; topics in it keep their ids.
    seed
        For clustering; the same texts and seed give the same answer.
    limit
        Most different texts read. Which are left out depends on their words only, so that tomorrow's choice agrees.

    Returns
    -------
    list of Found
        Earlier topics in their order (sizes as of now, 0 where nobody speaks of them any more), then new ones,
        largest first.

    Notes
    -----
    About 10 s for 20,000 short texts on one core.
    """
    kept = _different(texts, limit)
    cut = content_words(kept)
    words = chop(kept)
    known = list(previous or ())
    least = max(LEAST_SIZE, int(_LEAST_SHARE * len(kept)))
    for turn in range(_ROUNDS):
        home, nearest = _homes(words, known)
        pool = np.flatnonzero(home < 0)
        added = _new_topics(cut, pool, nearest, known, least, seed + turn)
        if not added:
            break
        known += added
    home, _ = _homes(words, known)
    settled = [_refresh(topic, cut, np.flatnonzero(home == i), least) for i, topic in enumerate(known)]
    return _merged(settled)


def assign_found(
    texts: Sequence[str | None], found: Sequence[Found], *, words: Words | None = None
) -> pa.Array:
    """Assign found topics to texts: for each text the id of the one it belongs to, in a list, or none."""
    words = words if words is not None else chop(texts)
    live = [topic for topic in found if not topic.into]
    if not live:
        return pa.array([[]] * words.rows, pa.list_(pa.string()))
    scores = _scores(words, tuple(_compiled(topic) for topic in live))
    ratio = scores / np.array([topic.least for topic in live])
    return best_lists(ratio, [topic.id for topic in live], enough=1.0, most=1)


def _different(texts: Sequence[str | None], limit: int) -> list[str]:
    # Order must not matter to the answer.
    spoken = sorted(text for text in texts if text)
    first = np.unique(group_alike(chop(spoken))) if spoken else np.zeros(0, np.int64)
    kept = [spoken[i] for i in first]
    if len(kept) > limit:
        kept = sorted(kept, key=lambda text: blake2b(text.encode(), digest_size=8).digest())[:limit]
    return sorted(kept)


def _homes(words: Words, known: Sequence[Found]) -> tuple[Numbers, Numbers]:
    """For each text the topic it belongs to (-1: none), and the topic it is nearest to (-1: nothing shared)."""
    if not known:
        none = np.full(words.rows, -1)
        return none, none
    scores = _scores(words, tuple(_compiled(topic) for topic in known))
    scores[:, [bool(topic.into) for topic in known]] = 0
    ratio = scores / np.array([topic.least for topic in known])
    best = ratio.argmax(axis=1)
    top = ratio[np.arange(len(best)), best] if len(best) else np.zeros(0)
    return np.where(top >= 1, best, -1), np.where(top > 0, best, -1)


def _new_topics(
    cut: list[list[str]], pool: Numbers, nearest: Numbers, known: Sequence[Found], least: int, seed: int
) -> list[Found]:
    """Cluster the texts without a home and keep the clusters that hold together."""
    if len(pool) < 2 * least:
        return []
    matrix, names = _tfidf([cut[i] for i in pool], max(2, least // 3))
    if matrix.shape[1] < 4:
        return []
    member, coherence = _cluster(matrix, min(_MOST_CLUSTERS, max(2, int(np.sqrt(len(pool)) / 1.5))), seed)
    groups = [np.flatnonzero(member == k) for k in range(len(coherence))]
    counts = [Counter(t for i in group for t in set(terms(cut[pool[i]]))) for group in groups]
    weighed = weigh_terms(counts)
    used = {topic.id for topic in known}
    added: list[Found] = []
    for k in sorted(range(len(groups)), key=lambda k: (-len(groups[k]), k)):
        if len(groups[k]) < least or coherence[k] < _COHERENT:
            continue
        weights = _centre(matrix[groups[k]], names)
        carried = spread({t: weighed[k].get(t, 0.0) for t in weights}, 8)
        if (
            len(carried) < 2
            or not _speaks_for(carried, [cut[pool[i]] for i in groups[k]])
            or any(_cosine(weights, other.weights) > _SAME for other in [*known, *added])
        ):
            continue
        threshold = _least([cut[pool[i]] for i in groups[k]], weights)
        parents = _parents(nearest[pool[groups[k]]], known)
        name = _new_id(carried, used)
        added.append(
            Found(name, label_of(carried), tuple(carried), weights, threshold, len(groups[k]), parents)
        )
    return added


def _tfidf(cut: list[list[str]], least: int) -> tuple[Any, list[str]]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    counts = Counter(term for words in cut for term in set(terms(words)))
    names = sorted(term for term, n in counts.items() if least <= n <= 0.5 * len(cut))
    if not names:
        return np.zeros((len(cut), 0)), []
    vectorizer = TfidfVectorizer(analyzer=terms, vocabulary=names, sublinear_tf=True, dtype=np.float32)
    return vectorizer.fit_transform(cut), names


def _cluster(matrix: Any, clusters: int, seed: int) -> tuple[Numbers, Numbers]:
    """Cluster texts by direction in a space of main components; also say how tightly each cluster holds."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    size = min(_DIMENSIONS, matrix.shape[1] - 1, matrix.shape[0] - 1)
    with single_thread():
        points = normalize(TruncatedSVD(size, random_state=seed).fit_transform(matrix))
        fitted = KMeans(min(clusters, len(points)), n_init=4, random_state=seed, max_iter=60).fit(points)
    silent = np.linalg.norm(points, axis=1) < 0.5
    centres = normalize(fitted.cluster_centers_)
    near = (points * centres[fitted.labels_]).sum(axis=1)
    member = np.where(silent | (near < _COHERENT), -1, fitted.labels_)
    coherence = np.array(
        [near[member == k].mean() if (member == k).any() else 0.0 for k in range(len(centres))]
    )
    return member, coherence


def _centre(rows: Any, names: list[str]) -> dict[str, float]:
    mean = np.asarray(rows.mean(axis=0)).ravel()
    top = [i for i in np.argsort(-mean, kind="stable")[:_KEPT_TERMS] if mean[i] > 0]
    return _unit({names[i]: float(mean[i]) for i in top})


def _unit(weights: dict[str, float]) -> dict[str, float]:
    norm = float(np.sqrt(sum(w * w for w in weights.values()))) or 1.0
    return {term: round(w / norm, 5) for term, w in weights.items()}


def _least(cut: list[list[str]], weights: dict[str, float]) -> float:
    scores = [_score_one(words, weights) for words in cut]
    return max(0.05, round(_BELONGS * float(np.median(scores)), 5))


def _score_one(words: list[str], weights: dict[str, float]) -> float:
    """Score as `_scores` does, slowly: the weights of what is said over the root of how much is said."""
    said = sum(weights.get(term, 0.0) for term in set(terms(words)))
    return said / float(np.sqrt(max(1, sum(bool(word) for word in words))))


def _refresh(topic: Found, cut: list[list[str]], members: Numbers, least: int) -> Found:
    """Set the size, and let the weights follow the words people use now, a little."""
    if topic.into or len(members) < least:
        return msgspec.structs.replace(topic, size=len(members))
    counts = Counter(term for i in members for term in set(terms(cut[i])))
    now = _unit({t: n * topic.weights.get(t, 0.05) for t, n in counts.most_common(200)})
    blend = {
        t: (1 - _LEARNING) * topic.weights.get(t, 0.0) + _LEARNING * now.get(t, 0.0)
        for t in {*topic.weights, *now}
    }
    top = sorted(blend, key=lambda t: (-blend[t], t))[:_KEPT_TERMS]
    return msgspec.structs.replace(topic, size=len(members), weights=_unit({t: blend[t] for t in top}))


def _merged(topics: list[Found]) -> list[Found]:
    """Merge topics that came to mean the same: the smaller into the larger."""
    order = sorted(range(len(topics)), key=lambda i: (-topics[i].size, i))
    for place, i in enumerate(order):
        for j in order[place + 1 :]:
            if (
                not topics[i].into
                and not topics[j].into
                and _cosine(topics[i].weights, topics[j].weights) > _SAME
            ):
                topics[j] = msgspec.structs.replace(topics[j], into=topics[i].id, size=0)
    return topics


def _cosine(left: dict[str, float], right: dict[str, float]) -> float:
    return sum(w * right.get(term, 0.0) for term, w in left.items())


def _parents(nearest: Numbers, known: Sequence[Found]) -> tuple[str, ...]:
    """Name the topic most of these texts stood nearest to."""
    seen = Counter(nearest[nearest >= 0].tolist()).most_common(1)
    return (known[seen[0][0]].id,) if seen and seen[0][1] > len(nearest) / 2 else ()


def _speaks_for(carried: Sequence[str], cut: list[list[str]]) -> bool:
    """Say whether most of the texts hold a word of the label; a label that few of them say names nothing."""
    label = set(carried[:LABEL_WORDS])
    return sum(not label.isdisjoint(terms(words)) for words in cut) > _SPOKEN * len(cut)


def _new_id(carried: Iterable[str], used: set[str]) -> str:
    text, tries = "|".join(carried), 0
    while True:
        name = f"found/{blake2b(f'{text}|{tries}'.encode(), digest_size=4).hexdigest()}"
        if name not in used:
            used.add(name)
            return name
        tries += 1


@lru_cache(4096)
def _hash_terms(names: tuple[str, ...]) -> Numbers:
    words = chop(names)
    keys = np.zeros(len(names), np.uint64)
    for row in range(len(names)):
        parts = words.hash[words.row == row]
        keys[row] = parts[0] if len(parts) == 1 else pair_key(parts[:1], parts[1:2])[0] if len(parts) else 0
    return keys


def _compiled(topic: Found) -> tuple[Numbers, Numbers]:
    return _hash_terms(tuple(topic.weights)), np.array(list(topic.weights.values()))


@lru_cache(1)
def _stop_index() -> HashIndex:
    return HashIndex(chop(sorted(empty_words())).hash)


def _scores(words: Words, compiled: tuple[tuple[Numbers, Numbers], ...]) -> Numbers:
    """Score each text for each topic: the weights of what is said over the root of how much is said."""
    from scipy import sparse

    keys = np.unique(np.concatenate([names for names, _ in compiled]))
    column = np.concatenate([np.searchsorted(keys, names) for names, _ in compiled])
    topic = np.repeat(np.arange(len(compiled)), [len(names) for names, _ in compiled])
    value = np.concatenate([weights for _, weights in compiled])
    weights = sparse.csr_matrix((value, (column, topic)), shape=(len(keys), len(compiled)))
    telling = _telling(words)
    same = (words.row[1:] == words.row[:-1]) & telling[1:] & telling[:-1]
    row = np.concatenate((words.row[telling], words.row[1:][same]))
    key = np.concatenate((words.hash[telling], pair_key(words.hash[:-1][same], words.hash[1:][same])))
    place = HashIndex(keys).find(key)
    hit = place >= 0
    said = sparse.csr_matrix((np.ones(int(hit.sum())), (row[hit], place[hit])), shape=(words.rows, len(keys)))
    said.data[:] = 1
    amount = np.bincount(words.row[telling], minlength=words.rows)
    result: Numbers = np.asarray((said @ weights).todense()) / np.sqrt(np.maximum(amount, 1))[:, None]
    return result


def _telling(words: Words) -> Numbers:
    """Say which words carry meaning; agrees with `content_words`."""
    if not len(words.row):
        return np.zeros(0, bool)
    first = words.codes[words.start]
    digit = (first >= ord("0")) & (first <= ord("9"))
    result: Numbers = (words.length >= 3) & ~digit & (_stop_index().find(words.hash) < 0)
    return result
