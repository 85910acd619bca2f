"""Foresee what comes next: expected volumes, surprises, emerging issues, forecasts, back-tests."""

from allears.foresee.watch import Watch, Watched, WatchRules

__all__ = ["Watch", "WatchRules", "Watched"]
