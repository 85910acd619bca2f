"""The way a signal travels: the only place that joins the stages."""

from allears.journey.digest import Digest, Digested
from allears.journey.ground import Ground, lay
from allears.journey.lookout import Lookout
from allears.journey.take import Receipt, take, take_file

__all__ = ["Digest", "Digested", "Ground", "Lookout", "Receipt", "lay", "take", "take_file"]
