"""Foresee what comes next: expected volumes, surprises, emerging issues, forecasts, back-tests."""

from allears.foresee.backtest import backtest
from allears.foresee.forecast import forecast
from allears.foresee.volume import surprises
from allears.foresee.watch import Watch, Watched, WatchRules

__all__ = ["Watch", "WatchRules", "Watched", "backtest", "forecast", "surprises"]
