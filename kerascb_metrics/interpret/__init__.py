"""Interpret: what outputs and targets mean. It returns `LabeledRows`."""
