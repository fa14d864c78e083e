"""Models with several outputs: to each its own targets, weights, mask and loss, as Keras pairs them."""

from kerascb_metrics.exceptions import DataError

_ARRAYS = ("y_true", "y_pred", "sample_weight", "mask")


def split_outputs(batches, output_names=None, only=None, loss=None):
    """Return output name → its batches; for a model of one output, None → the batches.

    Outputs without targets are left out.

    Args:
        batches: dicts `y_true, y_pred, sample_weight, mask` of arrays, or of lists or dicts of arrays by output.
        output_names: the model's, for outputs that come as a list.
        only: one output's name, or None for all.
        loss: the compiled loss; where it leaves out outputs, Keras lets their targets be left out too.
    """
    if not batches or not isinstance(batches[0]["y_pred"], dict | list | tuple):
        _refuse_unknown(only, [])
        return {None: batches}
    names = _names(batches[0]["y_pred"], output_names)
    _refuse_unknown(only, names)
    trained = [name for name in names if of_output(loss, name, names) is not None]
    split = [_split(batch, names, trained) for batch in batches]
    if len(names) == 1:
        return {None: [batch[names[0]] for batch in split]}
    scored = [name for name in names if split[0][name]["y_true"] is not None and only in (None, name)]
    if not scored:
        raise DataError(f"Metrics: none of the outputs {', '.join(names)} has targets to score against.")
    return {name: [batch[name] for batch in split] for name in scored}


def of_output(value, name, output_names):
    """Return one output's part of a loss, given for all, in a list, or in a dict by output name.

    >>> of_output({"a": "mse", "b": "hinge"}, "b", ["a", "b"])
    'hinge'
    >>> of_output("mse", "b", ["a", "b"])
    'mse'
    """
    if name is None:
        single = isinstance(value, dict | list | tuple) and len(value) == 1
        return next(iter(value.values() if isinstance(value, dict) else value)) if single else value
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list | tuple):
        place = list(output_names or ()).index(name) if name in (output_names or ()) else None
        return None if place is None or place >= len(value) else value[place]
    return value


def _names(outputs, output_names):
    if any(isinstance(output, dict | list | tuple) for output in _values(outputs)):
        raise DataError(
            "Metrics: outputs nested more than one level deep cannot be told apart by name. Return a flat dict or list "
            "of outputs from the model."
        )
    if isinstance(outputs, dict):
        return list(outputs)
    if output_names and len(output_names) == len(outputs):
        return list(output_names)
    return [f"output_{place + 1}" for place in range(len(outputs))]


def _refuse_unknown(only, names):
    if only is not None and only not in names:
        raise DataError(
            f"Metrics: output={only!r} is none of the model's outputs: {', '.join(names) or 'it has only one'}."
        )


def _split(batch, names, trained):
    columns = {array: _by_name(batch[array], names, trained, array) for array in _ARRAYS}
    return {name: {array: columns[array][name] for array in _ARRAYS} for name in names}


def _by_name(values, names, trained, array):
    if isinstance(values, dict):
        known = {name: values.get(name) for name in names}
        if set(values) - set(names):
            raise DataError(
                f"Metrics: {array} has the keys {', '.join(map(str, values))}, the outputs are {', '.join(names)}."
            )
        return known
    if isinstance(values, list | tuple) and len(values) == len(names):
        return dict(zip(names, values, strict=True))
    listed = list(values) if isinstance(values, list | tuple) else [values]
    if values is None or (len(listed) == 1 and (array == "sample_weight" or len(names) == 1)):
        return dict.fromkeys(names, listed[0])
    if len(listed) == len(trained):
        return {**dict.fromkeys(names), **dict(zip(trained, listed, strict=True))}
    received = f"{len(values)} arrays" if isinstance(values, list | tuple) else f"one array {values.shape}"
    raise DataError(
        f"Metrics: {array} and outputs cannot be paired: received {received} for the outputs {', '.join(names)}. "
        "Give it as a dict by output name."
    )


def _values(outputs):
    return outputs.values() if isinstance(outputs, dict) else outputs
