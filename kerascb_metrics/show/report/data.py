"""What the HTML page shows of a `ScoreHistory`: numbers and text that JSON can say, bounded in size."""

import math
from dataclasses import replace

import numpy as np

from kerascb_metrics.show.report.curves import CurveBudget, amounts, page_curve

# A larger matrix is neither readable nor small; the most frequent errors stay.
LARGEST_MATRIX = 100
_ERRORS = 10

_NO_CURVES = (
    "No score of this run ranks the rows, so no curves were kept. They are kept with auc, roc_auc or "
    "average_precision among the scores, and not for outputs that cannot be compared between classes."
)


def page_data(history):
    """Return what the page shows as dicts, lists, text and numbers; None stands for what is not finite."""
    tallies = history.tallies
    names = dict.fromkeys(name for of_epoch in tallies for name, tally in of_epoch.items() if tally is not None)
    every = [tally for of_epoch in tallies for tally in of_epoch.values() if tally is not None]
    weighted = any(_is_weighted(tally) for tally in every)
    room, headline = CurveBudget(sum(len(tally.curves) for tally in every), weighted), _headline(history)
    kept = {len(tallies) - 1, None if headline is None else _best(history, headline)}
    return {
        "epochs": [int(epoch) for epoch in history.epochs],
        "headline": headline,
        "scores": [_score(history, name) for name in history if not any(np.ndim(value) for value in history[name])],
        "logs": _logs(history.logs),
        "settings": [[str(name), _words(value)] for name, value in history.settings.items()],
        "weighted": weighted,
        "thinned": room.words,
        "outputs": [_output(name, [of_epoch.get(name) for of_epoch in tallies], room, kept) for name in names],
    }


def _words(value):
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _is_weighted(tally):
    counts = tally.counts if isinstance(tally.counts, np.ndarray) else tally.counts.weight
    return not np.issubdtype(counts.dtype, np.integer)


def _headline(history):
    try:
        return history.headline
    except ValueError:  # no score has a best
        return None


def _best(history, name):
    """The place of the best epoch of a score; None where no direction is known, or no value, or it is infinite."""
    try:
        epoch, value = history.best(name)
    except ValueError:
        return None
    return history.epochs.index(epoch) if math.isfinite(value) else None


def _score(history, name):
    return {"name": name, "values": [_number(value) for value in history[name]], "best": _best(history, name)}


def _logs(logs):
    names = dict.fromkeys(name for of_epoch in logs for name in of_epoch)
    return [
        {"name": name, "values": [_number(of_epoch.get(name, math.nan)) for of_epoch in logs], "best": None}
        for name in names
    ]


def _number(value):
    return float(value) if math.isfinite(value) else None


def _output(name, tallies, room, kept):
    last = next(tally for tally in reversed(tallies) if tally is not None)
    sign = "−" if last.inverted else ""
    return {
        "name": "" if name is None else str(name),
        "names": list(last.class_names),
        "curved": [of for of in last.class_names if any(tally is not None and of in tally.curves for tally in tallies)],
        "no_curves": _NO_CURVES,
        "score": f"{sign}output" if last.scale == "margin" else "probability",
        "own_sign": "≥" if last.inverted else ">",
        "zero_division": _number(last.zero_division),
        "epochs": [
            None if tally is None else _entry(tally, last, room, room.admits(place, kept))
            for place, tally in enumerate(tallies)
        ],
    }


def _entry(tally, last, room, with_curves):
    """One epoch of one output."""
    return {
        "names": None if tally.class_names == last.class_names else list(tally.class_names),
        **_counts(tally),
        "report": _report(tally),
        "has_curves": with_curves,
        "curves": [page_curve(tally, name, room.points) for name in tally.curves] if with_curves else [],
    }


def _counts(tally):
    if tally.kind == "multilabel":
        return {"matrix": None, "tables": _rows(tally.counts.reshape(-1, 4)), "confused": []}
    readable = len(tally.class_names) <= LARGEST_MATRIX
    return {
        "matrix": _rows(tally.matrix()) if readable else None,
        "tables": None,
        "confused": _confused(tally.counts),
    }


def _rows(table):
    return [amounts(row) for row in table]


def _confused(counts):
    """The most frequent errors: true, predicted, how often, and the share of the true class."""
    of_class = np.bincount(counts.y_true, counts.weight, minlength=counts.n_classes)
    wrong = np.flatnonzero((counts.y_true != counts.y_pred) & (counts.weight > 0))
    order = wrong[np.argsort(-counts.weight[wrong], kind="stable")][:_ERRORS]
    return [
        [*pair, amount, share]
        for *pair, amount, share in zip(
            counts.y_true[order].tolist(),
            counts.y_pred[order].tolist(),
            amounts(counts.weight[order]),
            (counts.weight[order] / of_class[counts.y_true[order]]).tolist(),
            strict=True,
        )
    ]


def _report(tally):
    """The rows of the classification report: name, precision, recall, F1, support."""
    # By number: scikit-learn's dict has one entry for an average and a class of the same name.
    numbered = replace(tally, class_names=tuple(map(str, range(len(tally.class_names)))))
    report = numbered.report(output_dict=True)
    total = report["weighted avg"]["support"]
    names = dict(zip(numbered.class_names, tally.class_names, strict=True))
    return [
        [names.get(name, name), *(_number(value) for value in row.values())]
        if isinstance(row, dict)
        else [name, "", "", row, total]
        for name, row in report.items()
    ]
