"""Plots in scikit-learn's manner: data, and `plot(ax=None)` that returns itself."""
