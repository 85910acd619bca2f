"""Listen: what arrives on any channel becomes arrivals, and what cannot is named with place and reason."""

from allears.listen.files import plan_file, plan_paths, read_file
from allears.listen.formats import FORMATS
from allears.listen.mapping import Mapping
from allears.listen.reading import Context

__all__ = ["FORMATS", "Context", "Mapping", "plan_file", "plan_paths", "read_file"]
