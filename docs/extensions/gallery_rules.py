"""Rules of the gallery, by name in `conf.py`: Sphinx keeps its configuration as a pickle, which holds no functions."""

from typing import Any

import keras

_FIRST = ["quickstart.py", "real_data.py", "batchwise_vs_exact.py", "imbalanced.py", "multiclass_digits.py"]


class ExampleOrder:
    """Sorts the examples: the first ones as listed here, then by name, those of other tools last."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, name: str) -> tuple[int, bool, str]:
        """Return what an example is sorted by."""
        place = _FIRST.index(name) if name in _FIRST else len(_FIRST)
        return place, name.startswith(("distributed_", "tools_")), name


def reset_keras(gallery: dict[str, Any], name: str) -> None:
    """Forget the models of the example before, so that each one runs as if it were alone."""
    keras.utils.clear_session()
