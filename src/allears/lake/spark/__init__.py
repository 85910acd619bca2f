"""Spark: the same questions and the same digest, on many machines. Nothing outside `allears.lake` knows of it."""
