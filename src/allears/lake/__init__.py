"""The append-only store: the sealed inbox, the Delta tables, and the engine that answers questions about them."""

from allears.lake.engine import Engine
from allears.lake.inbox import Frame, Inbox, InboxFull
from allears.lake.seen import Seen
from allears.lake.store import Store

__all__ = ["Engine", "Frame", "Inbox", "InboxFull", "Seen", "Store"]
