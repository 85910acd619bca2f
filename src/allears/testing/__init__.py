"""A simulated retailer with known truth, and the scores that compare what was found with what was planted."""

from allears.testing.payloads import Payload
from allears.testing.town import Town
from allears.testing.truth import Planted, Truth

__all__ = ["Payload", "Planted", "Town", "Truth"]
