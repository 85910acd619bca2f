"""Whole conversations from reply links: every message of one shares the id of its first."""

from __future__ import annotations

Identity = list[tuple[str, str]]


class Threads:
    """Learns who answers whom in one pass, then names the conversation of each message.

    Examples
    --------
    >>> threads = Threads()
    >>> for own, parent in (("3", "2"), ("2", "1"), ("9", None)):
    ...     threads.learn(own, parent)
    >>> threads.root("3", "2"), threads.root("1", None), threads.root("9", None)
    ('1', '1', '9')
    """

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._author: dict[str, Identity] = {}

    def learn(self, own: str | None, parent: str | None, author: Identity | None = None) -> None:
        """Remember a link, and the author when a customer wrote."""
        if own is None:
            return
        if parent is not None and parent != own:
            self._parent[own] = parent
        if author:
            self._author[own] = author

    def root(self, own: str | None, parent: str | None) -> str | None:
        """Name the conversation by its first message."""
        if own is None:
            return parent
        chain = []
        seen = {own}
        at = own
        while (above := self._parent.get(at)) is not None and above not in seen:
            seen.add(above)
            chain.append(at)
            at = above
        if above is not None:  # a ring of replies: any fixed member names it
            at = min(seen)
        for member in chain:
            if member != at:
                self._parent[member] = at
        return at

    def customer(self, parent: str | None) -> Identity | None:
        """Find who was answered: the author of the nearest message above that a customer wrote."""
        steps = 0
        while parent is not None and steps < 50:
            if (author := self._author.get(parent)) is not None:
                return author
            parent = self._parent.get(parent)
            steps += 1
        return None
