import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from allears.understand.scores import compare
from allears.understand.sentiment import Sentiment

DATA = Path(os.environ.get("ALLEARS_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
LABELS = {"negative": -1, "neutral": 0, "positive": 1}

pytestmark = pytest.mark.skipif(not (DATA / "airline").is_dir(), reason="the public data sets are not here")


class Tweets:
    """Texts and labels that no failure report prints."""

    def __init__(self, texts, labels):
        self.texts, self.labels = texts, labels


@pytest.fixture(scope="module")
def tweets():
    with gzip.open(DATA / "airline" / "Tweets.csv.gz", "rt", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["tweet_created"])[-3000:]
    texts = []
    for row in rows:
        text = row["text"]
        for written, was in (
            ("Cancelled Flight", "cancel"),
            ("Late Flight", "late"),
            ("Flight Booking Problems", "booking"),
        ):
            text = text.replace(written, was)
        texts.append(text)
    return Tweets(texts, np.array([LABELS[row["airline_sentiment"]] for row in rows]))


def test_untaught_it_beats_vader(tweets):
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    labels = tweets.labels[:1000]
    analyzer = SentimentIntensityAnalyzer()
    score = np.array([analyzer.polarity_scores(text)["compound"] for text in tweets.texts[:1000]])
    vader = np.eye(3)[np.where(score >= 0.05, 2, np.where(score <= -0.05, 0, 1))]
    assert (
        compare(labels, Sentiment().chances(tweets.texts[:1000])).macro_f1
        > compare(labels, vader).macro_f1 + 0.08
    )


def test_taught_it_is_better_and_its_certainty_holds_on_later_texts(tweets):
    truth = tweets.labels[2000:]
    taught = Sentiment().learn(tweets.texts[:2000], tweets.labels[:2000])
    before = compare(truth, Sentiment().chances(tweets.texts[2000:]))
    after = compare(truth, taught.chances(tweets.texts[2000:]))
    assert after.macro_f1 > before.macro_f1 + 0.05
    assert after.calibration_error < 0.06
    bands = [band.accuracy for band in after.reliability if band.n >= 40]
    assert bands == sorted(bands) or np.corrcoef(np.arange(len(bands)), bands)[0, 1] > 0.9
