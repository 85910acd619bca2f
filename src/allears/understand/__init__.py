"""What customers mean: language, sentiment, topics; no downloaded model, no network."""

from allears.understand.discover import discover
from allears.understand.found import Found
from allears.understand.reader import Reader, read
from allears.understand.sentiment import Sentiment
from allears.understand.topics import Topics

__all__ = ["Found", "Reader", "Sentiment", "Topics", "discover", "read"]
