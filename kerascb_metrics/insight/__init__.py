"""Insight: what a score is worth, and what follows from it."""
