"""Putting an issue into words: title, telling terms, facets, typical messages, and the factors of its score."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from allears.foresee.issue import Issue
from allears.foresee.memory import Memory
from allears.foresee.rows import FACETS, Names
from allears.foresee.wording import telling_terms, typical

METHOD = "emerging 2"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FACET_SHARE, FACET_KNOWN, FACET_LIFT = 0.6, 0.3, 1.2
TITLE_SHARE, TITLE_LEAST, TITLE_LETTERS = 0.25, 3, 4
TOPIC_SHARE = 0.1
MOST_BURST = 50.0


class Account:
    """Gives account of issues.

    Parameters
    ----------
    names
        Shared numbering.
    memory
        What is usual.
    valence, labels
        Topic id to problem, wish, praise or neutral; and to words a person understands.
    empty
        Words that name nothing.
    """

    def __init__(
        self,
        names: Names,
        memory: Memory,
        valence: Mapping[str, str],
        labels: Mapping[str, str],
        empty: Collection[str] = (),
    ) -> None:
        self._names, self._memory, self._valence, self._labels = names, memory, valence, labels
        self._empty = empty

    def terms(self, issue: Issue) -> list[str]:
        """Words that set its messages apart from the others of these days."""
        texts = [text for _, text in issue.texts]
        return telling_terms(texts, self._memory.background(issue.signals), empty=self._empty)

    def describe(self, issue: Issue) -> dict[str, Any]:
        """Fill a row of the issues table."""
        terms = self.terms(issue)
        facets = self._shared_facets(issue)
        factors = self._factors(issue)
        picked = [issue.texts[i][0] for i in typical([t for _, t in issue.texts])] if issue.texts else []
        return {
            "issue": issue.id,
            "title": self._title(issue, facets, terms),
            "kind": issue.kind,
            "topics": [
                self._names.name[t]
                for t, n in issue.topics.most_common(5)
                if n >= TOPIC_SHARE * issue.messages
            ],
            "facets": json.dumps(facets),
            "terms": terms,
            "exemplars": picked or list(issue.signals)[:3],
            "signal_ids": list(issue.signals),
            "first_signal_at": EPOCH + timedelta(microseconds=issue.first),
            "detected_at": EPOCH + timedelta(hours=issue.detected + 1),
            "signals": len(issue.signals),
            "customers": len(issue.authors),
            "expected": issue.expected,
            "growth": issue.growth,
            "score": float(np.prod(list(factors.values()))),
            "factors": json.dumps({k: round(v, 3) for k, v in factors.items()}),
            "method": METHOD,
        }

    def _title(self, issue: Issue, facets: Mapping[str, str], terms: list[str]) -> str:
        topic = self._title_topic(issue)
        label = self._label(topic) if topic >= 0 else ""
        if issue.kind == "opportunity" and label and terms:
            label = f"{label}: {', '.join(terms[:3])}"
        words = [t for t in terms if len(t) >= TITLE_LETTERS] if issue.messages >= TITLE_LEAST else []
        if not label and words:
            label = ", ".join(words[:3]).capitalize()
        platform = " ".join(facets[f] for f in ("platform", "release") if f in facets)
        where = [facets.get("service"), platform, *(facets.get(f) for f in ("region", "partner", "channel"))]
        said = ", ".join(w for w in where if w)
        return f"{label or 'Failing requests'} - {said}" if said else label or "Failing requests"

    def _title_topic(self, issue: Issue) -> int:
        """Find the topic most messages carry, a quarter at least, problems first; -1 for none."""
        if issue.messages < TITLE_LEAST:
            return -1
        wanted = "problem" if issue.kind == "issue" else "wish"
        carried = [
            (
                self._valence.get(self._names.name[topic]) == wanted,
                count,
                -topic,
            )
            for topic, count in issue.topics.items()
            if count >= TITLE_SHARE * issue.messages
        ]
        return -max(carried, default=(False, 0, 1))[2]

    def _label(self, topic: int) -> str:
        name = self._names.name[topic]
        return (
            self._labels.get(name) or name.split("/", 1)[-1].replace("_", " ").replace("-", " ").capitalize()
        )

    def _shared_facets(self, issue: Issue) -> dict[str, str]:
        """Values that most signals share and that others share less."""
        fixed = dict(issue.parts[0].cell.facets)
        shared = {FACETS[f]: self._names.name[v] for f, v in fixed.items()}
        for facet, counter in enumerate(issue.facets):
            known = sum(counter.values())
            if FACETS[facet] in shared or known < FACET_KNOWN * len(issue.signals) or not known:
                continue
            value, count = counter.most_common(1)[0]
            base = self._memory.usual_facet(issue.parts[0].lane, facet, value)
            if count >= FACET_SHARE * known and count / known >= FACET_LIFT * min(base, 0.8):
                shared[FACETS[facet]] = self._names.name[value]
        return {f: shared[f] for f in FACETS if f in shared}

    @staticmethod
    def _factors(issue: Issue) -> dict[str, float]:
        share, n, z = issue.negative / max(1, issue.felt), max(1, issue.felt), 1.645
        low = (share + z * z / (2 * n) - z * ((share * (1 - share) + z * z / (4 * n)) / n) ** 0.5) / (
            1 + z * z / n
        )
        spread = 0.0
        for counter in issue.facets:
            total = sum(counter.values())
            spread += -sum(c / total * np.log(c / total) for c in counter.values()) if total else 0.0
        return {
            "burst": min(issue.score, MOST_BURST),
            "severity": 1.0 + (max(0.0, low) if issue.kind == "issue" else 0.0),
            "breadth": float(np.log2(1 + len(issue.authors)) * (1 + 0.1 * spread)),
            "novelty": issue.novelty,
        }
