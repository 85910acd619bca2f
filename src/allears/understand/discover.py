"""Topics nobody named yet, with ids that stay the same from day to day.

A topic is a list of weighted words and pairs. Each run first gives texts to the topics already known; only what is
left over is clustered for new ones. So an id keeps its meaning by construction, and another day of texts moves
little. Near copies are counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from allears.understand.alike import group_alike
from allears.understand.found import Found, find_homes, score_found
from allears.understand.learning import single_thread
from allears.understand.naming import LABEL_WORDS, content_words, label_of, spread, terms, weigh_terms
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
_STRANGERS = 0.02
_APART = 0.9


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
        home, nearest = find_homes(words, known)
        pool = np.flatnonzero(home < 0)
        added = _new_topics(cut, words, pool, nearest, known, least, seed + turn)
        if not added:
            break
        known += added
    home, _ = find_homes(words, known)
    settled = [_refresh(topic, cut, np.flatnonzero(home == i), least) for i, topic in enumerate(known)]
    return _merged(settled)


def _different(texts: Sequence[str | None], limit: int) -> list[str]:
    # Order must not matter to the answer.
    spoken = sorted(text for text in texts if text)
    first = np.unique(group_alike(chop(spoken))) if spoken else np.zeros(0, np.int64)
    kept = [spoken[i] for i in first]
    if len(kept) > limit:
        kept = sorted(kept, key=lambda text: blake2b(text.encode(), digest_size=8).digest())[:limit]
    return sorted(kept)


def _new_topics(
    cut: list[list[str]],
    words: Words,
    pool: Numbers,
    nearest: Numbers,
    known: Sequence[Found],
    least: int,
    seed: int,
) -> list[Found]:
    """Cluster the texts without a home and keep the clusters that hold together and stand apart."""
    if len(pool) < 2 * least:
        return []
    matrix, names = _tfidf([cut[i] for i in pool], max(2, least // 3))
    if matrix.shape[1] < 4:
        return []
    member, coherence = _cluster(matrix, min(_MOST_CLUSTERS, max(2, int(np.sqrt(len(pool)) / 1.5))), seed)
    groups = [np.flatnonzero(member == k) for k in range(len(coherence))]
    tight = [g for g, near in zip(groups, coherence, strict=True) if len(g) >= least and near >= _COHERENT]
    tight.sort(key=lambda group: (-len(group), int(group[0])))
    candidates = _described(tight, matrix, names, [set(terms(cut[i])) for i in pool])
    scores = score_found(words, [one.weights for one in candidates])[pool] if candidates else np.zeros((0, 0))
    used = {topic.id for topic in known}
    added: list[Found] = []
    for k, one in enumerate(candidates):
        floor = _floor(scores[:, k], one.members)
        if floor is None or any(_cosine(one.weights, other.weights) > _SAME for other in [*known, *added]):
            continue
        parents = _parents(nearest[pool[one.members]], known)
        name = _new_id(one.terms, used)
        added.append(
            Found(name, label_of(one.terms), one.terms, one.weights, floor, len(one.members), parents)
        )
    return added


class _Candidate(msgspec.Struct, frozen=True):
    """A cluster with its words."""

    members: Numbers
    weights: dict[str, float]
    terms: tuple[str, ...]


def _described(
    groups: Sequence[Numbers], matrix: Any, names: list[str], said: Sequence[set[str]]
) -> list[_Candidate]:
    """Find the words of each cluster; drop clusters whose label most of their texts do not say."""
    weighed = weigh_terms([Counter(term for i in group for term in said[i]) for group in groups])
    described = []
    for group, weight in zip(groups, weighed, strict=True):
        centre = _centre(matrix[group], names)
        carried = spread({term: weight.get(term, 0.0) for term in centre}, 8)
        label = set(carried[:LABEL_WORDS])
        spoken = sum(not label.isdisjoint(said[i]) for i in group)
        if len(carried) >= 2 and spoken > _SPOKEN * len(group):
            described.append(_Candidate(group, centre, tuple(carried)))
    return described


def _floor(scores: Numbers, members: Numbers) -> float | None:
    """Choose the score from which a text belongs: most members above it, most others below; None when they mix."""
    inside = np.zeros(len(scores), bool)
    inside[members] = True
    middle = float(np.median(scores[inside]))
    others = float(np.quantile(scores[~inside], 1 - _STRANGERS)) if not inside.all() else 0.0
    floor = max(_BELONGS * middle, others, 0.05)
    return round(floor, 5) if floor < _APART * middle else None


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
