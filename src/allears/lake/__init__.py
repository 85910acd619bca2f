"""The append-only store: the sealed inbox, the Delta tables, and the engine that answers questions about them."""

from allears.lake.bucket import bucket_of
from allears.lake.engine import Engine
from allears.lake.frames import Damage, Frame
from allears.lake.inbox import Inbox, InboxFull
from allears.lake.narrowed import Narrowed
from allears.lake.place import Place
from allears.lake.seen import Seen
from allears.lake.segment_files import SegmentFiles
from allears.lake.segment_objects import SegmentObjects
from allears.lake.shown import EVERYTHING, Shown
from allears.lake.store import Overtaken, Store

__all__ = [
    "EVERYTHING",
    "Damage",
    "Engine",
    "Frame",
    "Inbox",
    "InboxFull",
    "Narrowed",
    "Overtaken",
    "Place",
    "Seen",
    "SegmentFiles",
    "SegmentObjects",
    "Shown",
    "Store",
    "bucket_of",
]
