"""Score: the values of scores, as scikit-learn has them."""
