"""From the arrays of a pass to the scores."""
