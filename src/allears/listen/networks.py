"""Networks: the same handle on two of them may be two people, so each handle is known together with its network.

A network is what the sender wrote (`reddit:ada`), else what the row, the mapping or the settings say, else what the
source is called after, else the source itself: then its handles join nobody outside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

VERSION = "2026-11"
"""Of `NETWORKS`; a handle's digest depends on it, so names are added and none is ever changed."""

NETWORKS: dict[str, tuple[str, ...]] = {
    "twitter": ("twitter", "tweet", "tweets"),
    "bluesky": ("bluesky", "bsky"),
    "mastodon": ("mastodon", "fediverse"),
    "threads": ("threads",),
    "reddit": ("reddit", "subreddit"),
    "hackernews": ("hackernews", "hn"),
    "youtube": ("youtube",),
    "instagram": ("instagram", "insta"),
    "facebook": ("facebook", "messenger"),
    "tiktok": ("tiktok",),
    "linkedin": ("linkedin",),
    "telegram": ("telegram",),
    "whatsapp": ("whatsapp",),
    "discord": ("discord",),
    "slack": ("slack",),
    "github": ("github",),
    "trustpilot": ("trustpilot",),
    "appstore": ("appstore",),
    "playstore": ("playstore", "googleplay"),
}
"""Network, and the words in a source's name that mean it."""

DERIVED = "::"
"""Stands between network and handle where the sender wrote the handle alone; the graph reads it as `:`."""

_BY_WORD = {word: network for network, words in NETWORKS.items() for word in words}
_WORD = re.compile(r"[a-z0-9]+")


def network_of(source: str) -> str:
    """Name the network of a source by what the source is called, else by its own name.

    Examples
    --------
    >>> network_of("twitter-airlines"), network_of("App Store reviews"), network_of("forum")
    ('twitter', 'appstore', 'forum')
    """
    words = _WORD.findall(source.lower())
    pairs = (first + second for first, second in pairwise(words))
    found = dict.fromkeys(_BY_WORD[word] for word in (*words, *pairs) if word in _BY_WORD)
    # Named after two networks: neither is meant for certain.
    return next(iter(found)) if len(found) == 1 else source.replace(":", " ")


def on_network(network: str | None, handle: str) -> str:
    """Write a handle with its network, unless it names one.

    Examples
    --------
    >>> on_network("twitter", "@ada"), on_network("twitter", "reddit:ada"), on_network(None, "ada")
    ('twitter::@ada', 'reddit:ada', 'ada')
    """
    return handle if not network or ":" in handle else f"{network.strip()}{DERIVED}{handle}"


def name_networks(arrivals: pa.RecordBatch, network: Callable[[str], str]) -> pa.RecordBatch:
    """Write the network of its source before each handle that names none.

    Parameters
    ----------
    arrivals
        A batch of the table ``arrivals``.
    network
        Gives the network of a source.
    """
    lists = arrivals["identifiers"]
    flat = pc.list_flatten(lists)
    types, values = pc.struct_field(flat, [0]), pc.struct_field(flat, [1])
    bare = pc.and_(pc.equal(types, "handle"), pc.invert(pc.match_substring(values, ":")))
    if not pc.any(bare).as_py():
        return arrivals
    sources = arrivals["source"].dictionary_encode()
    names = pa.array([network(name or "") for name in sources.dictionary.to_pylist()], pa.string())
    mine = names.take(sources.indices).take(pc.list_parent_indices(lists))
    named = pc.if_else(bare, pc.binary_join_element_wise(mine, values, DERIVED), values)
    pairs = pa.StructArray.from_arrays([types, named], fields=list(flat.type))
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.r_[0, np.cumsum(counts)].astype(np.int32))
    joined = pa.ListArray.from_arrays(offsets, pairs, type=lists.type)
    return arrivals.set_column(
        arrivals.schema.get_field_index("identifiers"), arrivals.schema.field("identifiers"), joined
    )
