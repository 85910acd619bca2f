"""The word lists that came with the package, each typed by hand, read once."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any


def read_list(name: str) -> dict[str, Any]:
    """Read a TOML file of this package."""
    return tomllib.loads(files("allears.understand").joinpath(name).read_text("utf-8"))


@lru_cache(1)
def stopwords() -> dict[str, frozenset[str]]:
    """Return the commonest words by language, folded.

    Examples
    --------
    >>> "perche" in stopwords()["it"]
    True
    """
    return {code: frozenset(words.split()) for code, words in read_list("stopwords.toml").items()}


@lru_cache(1)
def all_stopwords() -> frozenset[str]:
    """Return the commonest words of all languages together."""
    return frozenset().union(*stopwords().values())


@lru_cache(1)
def empty_words() -> frozenset[str]:
    """Return all words that name no topic: the commonest words and fillers of all languages."""
    fillers = [words.split() for words in read_list("fillers.toml").values()]
    return all_stopwords().union(*fillers)
