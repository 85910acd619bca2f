"""Measurements: ``allears bench NAME`` runs ``bench/NAME.py`` of a checkout."""
