"""The steps in their order, for one pass and for one fit."""
