"""The command line."""

from allears.cli.app import main

__all__ = ["main"]
