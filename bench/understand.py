"""Measure understanding on public data: language, sentiment, topics assigned, taught and found, throughput. Prints no text.

Run: python -m bench.understand [airline umsab topics found taught language speed] (default: all), with ALLEARS_DATA
or the sibling folder shared/data holding airline/, umsab/, banking77/ and clinc150/.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from allears.understand import Reader, Sentiment, Topics, discover
from allears.understand.found import assign_found
from allears.understand.language import detect
from allears.understand.scores import Evaluation, compare, f1
from allears.understand.words import chop
from bench.report import Row, median_of, row, shared_data

OVERWRITTEN = (
    ("Cancelled Flight", "cancel"),
    ("Late Flight", "late"),
    ("Flight Booking Problems", "booking"),
)
CODES = {
    "arabic": "ar", "french": "fr", "german": "de", "hindi": "hi",
    "italian": "it", "portuguese": "pt", "spanish": "es",
}  # fmt: skip
SVM = {
    "arabic": 47.4,
    "french": 60.1,
    "german": 65.5,
    "hindi": 43.1,
    "italian": 54.7,
    "portuguese": 60.4,
    "spanish": 57.1,
}
SHOTS, SEEDS = 10, 3


def rows(parts: list[str] | None = None) -> list[Row]:
    data = shared_data()
    if data is None:
        return []
    return [one for name, measure in PARTS.items() if not parts or name in parts for one in measure(data)]


def airline(data: Path) -> list[dict[str, str]]:
    """Read the airline tweets oldest first, with the overwritten words put back."""
    with gzip.open(data / "airline" / "Tweets.csv.gz", "rt", encoding="utf-8") as file:
        tweets = sorted(csv.DictReader(file), key=lambda tweet: tweet["tweet_created"])
    for tweet in tweets:
        for written, was in OVERWRITTEN:
            tweet["text"] = tweet["text"].replace(written, was).replace(written.lower(), was)
    return tweets


def umsab(data: Path, language: str, split: str) -> tuple[list[str], np.ndarray]:
    folder = data / "umsab" / language
    texts = (folder / f"{split}_text.txt").read_text("utf-8").split("\n")
    labels = np.array((folder / f"{split}_labels.txt").read_text().split(), int) - 1
    return texts[: len(labels)], labels


def measure_airline(data: Path) -> list[Row]:
    tweets = airline(data)
    texts = [tweet["text"] for tweet in tweets]
    names = {"negative": -1, "neutral": 0, "positive": 1}
    labels = np.array([names[tweet["airline_sentiment"]] for tweet in tweets])
    cut = int(0.8 * len(texts))
    base = Sentiment()
    learned = base.learn(texts[:cut], labels[:cut])
    vader = _vader(texts)
    newest = "airline tweets, newest 20 %"
    readme = "TF-IDF words and characters, linear SVM, same division"
    result = [
        *_sentiment("VADER", "airline tweets, all", compare(labels, vader)),
        *_sentiment("untrained", "airline tweets, all", compare(labels, base.chances(texts)), 100 * compare(labels, vader).macro_f1, "VADER, same texts"),
        *_sentiment("VADER", newest, compare(labels[cut:], vader[cut:])),
        *_sentiment("untrained", newest, compare(labels[cut:], base.chances(texts[cut:]))),
    ]  # fmt: skip
    after = compare(labels[cut:], learned.chances(texts[cut:]))
    result += _sentiment("taught by the oldest 80 %", newest, after, 73.9, readme)
    result.append(
        row("certainty against accuracy, mean distance", newest, 100 * after.calibration_error, "points")
    )
    return result


def measure_umsab(data: Path) -> list[Row]:
    result, mean = [], []
    for language in CODES:
        (texts, labels), (fresh, truth) = umsab(data, language, "train"), umsab(data, language, "val")
        base = Sentiment()
        learned = base.learn(texts, labels)
        before, after = (100 * compare(truth, model.chances(fresh)).macro_f1 for model in (base, learned))
        mean.append(after)
        what = f"UMSAB {language} val"
        result.append(row("sentiment macro-F1, untrained", what, before, "%"))
        result.append(
            row("sentiment macro-F1, taught by train", what, after, "%", reference=SVM[language], source="linear SVM on the test split")
        )  # fmt: skip
    reference = float(np.mean(list(SVM.values())))
    return [
        *result,
        row("sentiment macro-F1, taught by train", "UMSAB, mean of 7", float(np.mean(mean)), "%", reference=reference, source="linear SVM on the test split"),
    ]  # fmt: skip


def measure_topics(data: Path) -> list[Row]:
    """Compare the taxonomy's first topic with the crowd's reason: topics are mapped on one half, measured on the other."""
    texts, reasons = _reasons(data)
    first = [ids[0] if ids else "" for ids in Topics().assign(texts).to_pylist()]
    half = np.random.default_rng(0).random(len(texts)) < 0.5
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for topic, reason in zip(np.array(first)[half], reasons[half], strict=True):
        seen[topic][reason] += 1
    said = np.array(
        [seen[topic].most_common(1)[0][0] if seen[topic] else "" for topic in np.array(first)[~half]]
    )
    truth, known = reasons[~half], np.array([bool(topic) for topic in first])[~half]
    macro = float(np.mean([f1(truth == reason, said == reason) for reason in sorted(set(truth))]))
    what = "airline tweets with a reason"
    return [
        row("complaints with a topic", what, 100 * float(known.mean()), "%"),
        row("reason right by best match, where a topic was given", what, 100 * float((said == truth)[known].mean()), "%"),
        row("reason macro-F1 by best match, untaught", what, 100 * macro, "%", reference=49.6, source="linear SVM trained on 80 % of the labels, all ten reasons"),
    ]  # fmt: skip


def measure_found(data: Path) -> list[Row]:
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    texts, reasons = _reasons(data)
    questions = _banking(data)
    result = []
    for what, said, truth in (
        ("airline tweets with a reason", texts, reasons.tolist()),
        ("banking77 train", [text for text, _ in questions], [name for _, name in questions]),
    ):
        start = time.perf_counter()
        found = discover(said)
        seconds = time.perf_counter() - start
        home = [ids[0] if ids else "" for ids in assign_found(said, found).to_pylist()]
        result += [
            row("topics found", what, len(found), "topics", reference=len(set(truth)), source="labels"),
            row("texts in a found topic", what, 100 * float(np.mean([bool(name) for name in home])), "%"),
            row("found topics against labels, NMI", what, normalized_mutual_info_score(truth, home), ""),
            row("found topics against labels, ARI", what, adjusted_rand_score(truth, home), ""),
            row("time to find topics", what, seconds, "s"),
        ]
    return [*result, *_stability(data)]


def _stability(data: Path) -> list[Row]:
    """Find topics day after day over all tweets so far; how many texts keep the topic they had."""
    tweets = airline(data)
    days = sorted({tweet["tweet_created"][:10] for tweet in tweets})[2:]
    found, homes, kept = None, None, []
    for day in days:
        texts = [tweet["text"] for tweet in tweets if tweet["tweet_created"][:10] <= day]
        found = discover(texts, found)
        now = assign_found(texts, found).to_pylist()
        if homes is not None:
            kept.append(float(np.mean([a == b for a, b in zip(homes, now, strict=False) if a])))
        homes = now
    source = "low/high: worst and best of the days; reference: the bar"
    return [
        row("texts that keep their found topic a day later", "airline tweets, day by day", 100 * float(np.mean(kept)), "%", low=100 * min(kept), high=100 * max(kept), reference=95, source=source)
    ]  # fmt: skip


def measure_taught(data: Path) -> list[Row]:
    questions = _banking(data)
    right, rejected = [], []
    for seed in range(SEEDS):
        examples, rest = _shots(questions, SHOTS, seed)
        taught = Topics().teach(examples).taught
        assert taught is not None
        scores = taught.scores(chop([text for text, _ in rest]))
        truth = np.array([taught.labels.index(name) for _, name in rest])
        right.append(100 * float((scores.argmax(axis=1) == truth).mean()))
    clinc = json.loads((data / "clinc150" / "train_val.json").read_text("utf-8"))
    examples, _ = _shots([(text, name) for text, name in clinc["train"]], 2 * SHOTS, 0)
    taught = Topics().teach(examples).taught
    assert taught is not None
    inside = taught.scores(chop([text for text, _ in clinc["val"]]))
    truth = np.array([taught.labels.index(name) for _, name in clinc["val"]])
    accepted = ((inside.argmax(axis=1) == truth) & (inside.max(axis=1) >= taught.threshold)).mean()
    outside = taught.scores(chop([text for text, _ in clinc["oos_train"] + clinc["oos_val"]])).max(axis=1)
    rejected = (outside < taught.threshold).mean()
    return [
        row("taught topics, 10 examples each, accuracy", "banking77 train, rest", float(np.mean(right)), "%", low=min(right), high=max(right), reference=74.6, source="linear SVM, 10-shot, other division; low/high: draws"),
        row("taught topics, 20 examples each, accuracy with refusal", "CLINC150 val", 100 * float(accepted), "%", reference=88.2, source="SVM with 100 examples each and a threshold, test split"),
        row("out-of-scope questions refused", "CLINC150 out of scope", 100 * float(rejected), "%", reference=18.0, source="the same SVM"),
    ]  # fmt: skip


def measure_language(data: Path) -> list[Row]:
    result = []
    for language, code in CODES.items():
        texts, _ = umsab(data, language, "train")
        for what, said in (
            (f"UMSAB {language}", texts),
            (f"UMSAB {language}, 6 words", [_short(text) for text in texts]),
        ):
            named = detect(said)[0].to_pylist()
            result.append(
                row("language right", what, 100 * float(np.mean([name == code for name in named])), "%")
            )
    return result


def measure_speed(data: Path) -> list[Row]:
    texts = list(dict.fromkeys(tweet["text"] for tweet in airline(data)))
    reader = Reader()
    reader.read(texts[:100])
    found = Reader(found=discover(texts))

    def rate(with_reader: Reader) -> float:
        start = time.process_time()
        with_reader.read(texts)
        return len(texts) / (time.process_time() - start)

    result = []
    for what, one in (("models that ship", reader), ("and found topics", found)):
        middle, low, high = median_of(lambda one=one: rate(one), 3)
        result.append(
            row("messages read", f"airline tweets, {what}", middle, "messages/s of one core", low=low, high=high, reference=5_000, source="low/high: runs; reference: the bar")
        )  # fmt: skip
    return result


PARTS = {
    "airline": measure_airline,
    "umsab": measure_umsab,
    "topics": measure_topics,
    "found": measure_found,
    "taught": measure_taught,
    "language": measure_language,
    "speed": measure_speed,
}


def _vader(texts: list[str]) -> np.ndarray:
    """VADER's three classes by its own bounds, as chances of 0 and 1."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    score = np.array([analyzer.polarity_scores(text)["compound"] for text in texts])
    return np.eye(3)[np.where(score >= 0.05, 2, np.where(score <= -0.05, 0, 1))]


def _sentiment(
    who: str, what: str, found: Evaluation, reference: float | None = None, source: str = ""
) -> list[Row]:
    return [
        row(f"sentiment accuracy, {who}", what, 100 * found.accuracy, "%"),
        row(
            f"sentiment macro-F1, {who}", what, 100 * found.macro_f1, "%", reference=reference, source=source
        ),
    ]


def _reasons(data: Path) -> tuple[list[str], np.ndarray]:
    told = [t for t in airline(data) if t["negativereason"] and t["negativereason"] != "Can't Tell"]
    return [tweet["text"] for tweet in told], np.array([tweet["negativereason"] for tweet in told])


def _banking(data: Path) -> list[tuple[str, str]]:
    with (data / "banking77" / "train.csv").open(encoding="utf-8") as file:
        return [(line["text"], line["category"]) for line in csv.DictReader(file)]


def _shots(pairs: list[tuple[str, str]], shots: int, seed: int) -> tuple[dict[str, list[str]], list[Any]]:
    examples: dict[str, list[str]] = defaultdict(list)
    rest = []
    for place in np.random.default_rng(seed).permutation(len(pairs)).tolist():
        text, name = pairs[place]
        if len(examples[name]) < shots:
            examples[name].append(text)
        else:
            rest.append((text, name))
    return dict(examples), rest


def _short(text: str) -> str:
    return " ".join(
        [word for word in text.split() if word[0] not in "@#" and not word.startswith("http")][:6]
    )


if __name__ == "__main__":
    for one in rows(sys.argv[1:]):
        reference = (
            f"  (reference {one['reference']:.1f}: {one['source']})" if one["reference"] is not None else ""
        )
        print(
            f"{one['measure']:55} {one['data']:40} {one['figure']:10.3f} {one['unit']}{reference}", flush=True
        )
