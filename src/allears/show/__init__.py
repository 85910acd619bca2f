"""What a person sees, with no web in it: figures as plain options, findings in words, the brief as one page."""

from allears.show.brief import write_brief
from allears.show.words import change, outgrown, spread

__all__ = ["change", "outgrown", "spread", "write_brief"]
