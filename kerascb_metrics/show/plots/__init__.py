"""Plots in scikit-learn's style: a display has data and `plot(ax=None)`, which returns it."""
