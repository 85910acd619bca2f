"""Redaction: what is personal in a text becomes a typed placeholder. One file for each thing that gives somebody away."""
