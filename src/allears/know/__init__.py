"""Know: who it was. Identifiers become customers, reversibly; profiles and the view of one customer."""

from allears.know.customer import Customer
from allears.know.graph import Graph
from allears.know.limits import Limits
from allears.know.profile import Profiles
from allears.know.relationship import Rules
from allears.know.resolve import resolve

__all__ = ["Customer", "Graph", "Limits", "Profiles", "Rules", "resolve"]
