"""Tally: counts and rankings of labeled rows."""
