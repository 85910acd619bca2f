"""Teach: sentiment from labelled texts or ratings, topics by examples."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import NotFound

learn = App(
    name="learn",
    help="Teach Allears: sentiment from labelled texts or from the space's ratings, topics by examples.",
)


@learn.command
def sentiment(labelled: Path | None = None, /, *, where: Where = HERE) -> None:
    """Learn sentiment from a CSV with columns text and label; without a file, from the ratings the space has.

    Parameters
    ----------
    labelled
        CSV; label is negative, neutral or positive (or -1, 0, 1).
    """
    if labelled is not None and not labelled.is_file():
        raise NotFound("no such file", place=str(labelled))
    with where.open() as space:
        found = space.learn_sentiment(labelled)
        show.as_json(found) if where.json else show.rows(
            [{"": k, "value": v} for k, v in found.items()], ("", "value"), title="learned"
        )


@learn.command(name="topics")
def learn_topics(examples: Path, /, *, where: Where = HERE) -> None:
    """Learn your own topics from a CSV with columns text and topic, a few examples each."""
    if not examples.is_file():
        raise NotFound("no such file", place=str(examples))
    with where.open() as space:
        found = space.teach_topics(examples)
        show.as_json(found) if where.json else show.rows(
            found, ("topic", "label", "size"), title="your topics"
        )


@learn.command
def discover(*, where: Where = HERE) -> None:
    """Look for topics nobody named yet; known ones keep their ids."""
    with where.open() as space:
        found = space.discover_topics()
        show.as_json(found) if where.json else show.rows(
            found, ("topic", "label", "size"), title="found topics", empty="nothing new stands out"
        )


def topics(*, where: Where = HERE) -> None:
    """List topics with their volumes of this week and the week before."""
    with where.open() as space:
        found = space.topics()
        if where.json:
            show.as_json(found)
        else:
            show.rows(
                found,
                (
                    "topic",
                    "label",
                    "origin",
                    "department",
                    "this_week",
                    "week_before",
                    "customers",
                    "sentiment",
                ),
            )
