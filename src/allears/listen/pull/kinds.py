"""The kinds of places that can be pulled from, by name; each is loaded when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from allears.errors import Refused
from allears.listen.pull.page import Ask, Puller
from allears.listen.pull.recipe import own_text, read_recipe, read_shipped, shipped, shipped_names
from allears.listen.pull.vendor_tables import Dlt, read_tables, read_vendor_tables, shipped_tables
from allears.listen.pull.web import Web

# Name: module and class, and one line for people.
KINDS: dict[str, tuple[str, str, str]] = {
    "imap": ("imap", "Imap", "a mailbox, without touching it: IDLE where the server can, else polled"),
    "jetstream": (
        "jetstream",
        "Jetstream",
        "Bluesky: posts that mention a word, from the public stream (no key)",
    ),
    "mastodon": (
        "mastodon",
        "Mastodon",
        "Mastodon: public posts with a hashtag, live, with what was missed meanwhile",
    ),
    "sql": ("sql", "Sql", "a table or view of any database SQLAlchemy knows, read on by a column that grows"),
    "folder": ("folder", "Folder", "a folder that others put files into: each is taken once it is whole"),
    "bucket": (
        "bucket",
        "Bucket",
        "a prefix of an S3 bucket: each object is taken once, and again when it changed",
    ),
    "dlt": ("vendor_tables", "Dlt", 'any dlt source: a function of a module (`pip install "allears[pull]"`)'),
    "feed": ("feed", "Feed", "RSS or Atom: mentions from any feed"),
}


def make(ask: Ask) -> Puller:
    """Make the puller of a kind.

    Raises
    ------
    Refused
        There is no such kind, or it lacks something.
    """
    if ask.kind in KINDS:
        module, name, _ = KINDS[ask.kind]
        build: Callable[[Ask], Puller] = getattr(import_module(f"allears.listen.pull.{module}"), name)
        return build(ask)
    if ask.kind in shipped_names():
        return Web(ask, read_shipped(ask.kind))
    if ask.kind in shipped_tables():
        return Dlt(ask, read_tables(ask.kind))
    if ask.kind.endswith(".toml"):
        text = own_text(ask, ask.kind)
        if "[api." in text:
            return Dlt(ask, read_vendor_tables(text, ask.kind))
        return Web(ask, read_recipe(text, ask.kind))
    raise Refused(
        f"no kind `{ask.kind}`; there are {', '.join(sorted(kinds()))}, or a recipe of yours: NAME.toml",
        place=ask.place,
    )


def kinds() -> dict[str, str]:
    """List the kinds: name and what each is."""
    return (
        {name: says for name, (_, _, says) in KINDS.items()}
        | shipped()
        | {n: read_tables(n).says for n in shipped_tables()}
    )
