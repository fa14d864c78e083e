"""`compare_histories`: several runs side by side."""

from collections.abc import Mapping

from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.show.runs import RunComparison


def compare_histories(histories: Mapping[str, ScoreHistory]) -> RunComparison:
    """Compare runs, such as the folds of a cross-validation or the trials of a search.

    Args:
        histories: the name of each run → its `ScoreHistory`, of a fit or loaded from a file. The runs may differ in
            length, and in their scores.

    Returns:
        A `RunComparison`, with `table(name)` and `plot(name)`.

    Raises:
        TypeError: for anything but a dict of histories.
        ValueError: without any.

    >>> first, second = ScoreHistory({"f1": True}), ScoreHistory({"f1": True})
    >>> for epoch, f1 in enumerate([0.5, 0.75, 0.7]): first.append(epoch, {"f1": f1})
    >>> for epoch, f1 in enumerate([0.55, 0.65]): second.append(epoch, {"f1": f1})
    >>> print(compare_histories({"fold 1": first, "fold 2": second}).table())
    run                 best f1  in epoch  last f1  epochs
    fold 1               0.7500         1   0.7000       3
    fold 2               0.6500         1   0.6500       2
    mean                 0.7000             0.6750
    standard deviation   0.0707             0.0354
    """
    if not isinstance(histories, Mapping) or isinstance(histories, ScoreHistory):
        raise TypeError('compare_histories takes a dict, such as {"fold 1": history, …}.')
    if not histories:
        raise ValueError("compare_histories: there is no run to compare.")
    for name, history in histories.items():
        if not isinstance(history, ScoreHistory):
            raise TypeError(f"compare_histories: {name!r} is not a ScoreHistory; pass metrics.history.")
    return RunComparison({str(name): history._run for name, history in histories.items()})
