"""The constructor arguments of `Metrics`, checked once, in one frozen object."""

import inspect
import numbers
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

from kerascb_metrics.collect.given_data import GivenData
from kerascb_metrics.collect.predictor import Predictor
from kerascb_metrics.interpret import tasks
from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.record.run_settings import run_settings

# A name or a function; several of them; or a dict: name → one of them, or output → any of these.
Scoring: TypeAlias = str | Callable[..., Any] | Sequence[str | Callable[..., Any]] | Mapping[str, Any] | None
Task: TypeAlias = Literal["auto"] | Kind | tasks.Task
Average: TypeAlias = Literal["auto", "binary", "micro", "macro", "weighted", "samples"] | None
Memory: TypeAlias = Literal["auto", "exact", "bounded"]
ErrorScore: TypeAlias = Literal["raise_first", "raise"] | float
Verbose: TypeAlias = bool | Literal["auto", 0, 1, 2]


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """The arguments of `Metrics`, as given; `Metrics` documents them. `model` becomes a `Predictor`.

    `scoring`, `task`, `average`, `per_class`, `zero_division` and `output` are checked by `Plan`, `slices` by
    `slicings_of`.

    Raises:
        ValueError: for an unknown value of an argument, or arguments that exclude each other.

    >>> Options(prefix="test_")
    Traceback (most recent call last):
        ...
    ValueError: Metrics: prefix='test_' needs validation_data=. ...
    """

    scoring: Scoring = None
    task: Task | Mapping[str, Task] = "auto"
    average: Average = "auto"
    per_class: bool = False
    zero_division: float = 0.0
    use_sample_weight: bool = True
    output: str | None = None
    validation_data: Any = None
    validation_batch_size: int | None = None
    validation_steps: int | None = None
    validation_freq: int | Collection[int] = 1
    model: Any = None
    prefix: str | None = None
    slices: Any = None
    mean_probability: bool = False
    error_score: ErrorScore = "raise_first"
    memory: Memory = "auto"
    log_file: str | os.PathLike[str] | None = None
    report_file: str | os.PathLike[str] | None = None
    verbose: Verbose = "auto"

    def __post_init__(self) -> None:
        """Check the arguments."""
        check_choice("use_sample_weight", self.use_sample_weight, (True, False))
        if isinstance(self.verbose, int) and self.verbose in (0, 1, 2):  # as Keras's methods take it
            object.__setattr__(self, "verbose", bool(self.verbose))
        check_choice("verbose", self.verbose, ("auto", True, False))
        check_error_score(self.error_score)
        check_choice("memory", self.memory, ("auto", "exact", "bounded"))
        check_choice("mean_probability", self.mean_probability, (True, False))
        if self.mean_probability and self.memory == "bounded":
            raise ValueError(
                "Metrics: mean_probability=True needs the rows, and memory='bounded' keeps none. Pass memory='exact'."
            )
        check_file("log_file", self.log_file, (".jsonl",), "as it has one line per epoch")
        check_file("report_file", self.report_file, (".html", ".htm"), "as it is an HTML page")
        if not isinstance(self.output, str | None):
            raise ValueError(f"Metrics: output must be the name of an output, or None; received {self.output!r}.")
        check_given_data(self)
        if self.model is not None and not isinstance(self.model, Predictor):
            object.__setattr__(self, "model", Predictor(self.model))

    def predicting(self, fitted: Any) -> Any:
        """Return the model whose outputs are scored; None if it is not known yet.

        Args:
            fitted: the model that a fit trains, or None.
        """
        return fitted if self.model is None else self.model.known_model

    @property
    def uses_fit_validation(self) -> bool:
        """Whether the rows of fit's own validation pass are scored."""
        return self.validation_data is None

    @property
    def log_prefix(self) -> str:
        """How the keys in `logs` begin."""
        return "val_" if self.prefix is None else self.prefix

    def given_data(self) -> GivenData:
        """Return `validation_data` as data to predict."""
        return GivenData(self.validation_data, self.validation_batch_size, self.validation_steps)

    def run_settings(self) -> dict[str, Any]:
        """Return what is recorded of a run besides its scores."""
        return run_settings(
            prefix=self.log_prefix,
            average=self.average,
            per_class=self.per_class,
            zero_division=self.zero_division,
            memory=self.memory,
            use_sample_weight=self.use_sample_weight,
        )


class Option:
    """One of the `options` of a `Metrics` as an attribute, as in scikit-learn's estimators.

    Assigning to it makes new `options`, which are checked and count from the next fit on. Exceptions are `scoring`,
    `task`, `average`, `per_class`, `zero_division`, `output`, `prefix`, `slices` and `memory`: a `Metrics` uses those
    that it was made with.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, metrics: None, owner: type) -> "Option": ...
    @overload
    def __get__(self, metrics: Any, owner: type) -> Any: ...
    def __get__(self, metrics: Any, owner: type) -> Any:
        return self if metrics is None else getattr(metrics.options, self._name)

    def __set__(self, metrics: Any, value: Any) -> None:
        metrics.options = replace(metrics.options, **{self._name: value})


def check_given_data(options: Options) -> None:
    """Check `validation_data`, and the arguments that need it.

    Raises:
        ValueError: for such an argument without `validation_data`, or with an unknown value.
        DataError: for data without targets.
    """
    if options.uses_fit_validation:
        _refuse_idle(options)
    if not isinstance(options.prefix, str | None):
        raise ValueError(f"Metrics: prefix must be a string such as 'test_', or None; received {options.prefix!r}.")
    freq = options.validation_freq
    epochs = freq if isinstance(freq, list | tuple | set) else [freq]
    if not all(isinstance(epoch, int) and not isinstance(epoch, bool) and epoch > 0 for epoch in epochs):
        raise ValueError(
            f"Metrics: validation_freq must be a positive int or a list of epochs, counted from 1; received {freq!r}."
        )
    if inspect.isgenerator(options.validation_data) and options.validation_steps is None:
        raise ValueError(
            "Metrics: a generator as validation_data needs validation_steps=, the number of batches per pass. The "
            "generator must never end, because each scored epoch reads the next batches from it."
        )
    if not options.uses_fit_validation:
        options.given_data()


def _refuse_idle(options: Options) -> None:
    """Refuse what has no effect on the validation pass of fit."""
    for name, idle in (
        ("validation_batch_size", None),
        ("validation_steps", None),
        ("validation_freq", 1),
        ("model", None),
        ("prefix", None),
    ):
        value = getattr(options, name)
        if value is not idle and (name == "model" or value != idle):
            raise ValueError(
                f"Metrics: {name}={value!r} needs validation_data=. The validation pass of fit() is controlled by the "
                "arguments of fit(), and its prefix is always 'val_'."
            )


def check_error_score(error_score: object) -> None:
    """Raise `ValueError` for anything but a policy or a number."""
    if isinstance(error_score, bool) or not isinstance(error_score, numbers.Real):
        check_choice("error_score", error_score, ("raise_first", "raise"), " or a number")


def check_file(name: str, path: object, endings: Sequence[str], why: str) -> None:
    """Raise `ValueError` for anything but the name of a file with one of some endings, or None.

    >>> check_file("log_file", "scores.txt", [".jsonl"], "as it has one line per epoch")
    Traceback (most recent call last):
        ...
    ValueError: Metrics: log_file must end in .jsonl, as it has one line per epoch; received 'scores.txt'.
    """
    if not isinstance(path, str | os.PathLike | None):
        raise ValueError(f"Metrics: {name} must be a path such as 'scores{endings[0]}', or None; received {path!r}.")
    if path is not None and Path(path).suffix.lower() not in endings:
        raise ValueError(f"Metrics: {name} must end in {endings[0]}, {why}; received {path!r}.")


def check_choice(name: str, value: object, choices: Sequence[object], more: str = "") -> None:
    """Raise `ValueError` for a value that is not one of the choices.

    >>> check_choice("verbose", "loud", ("auto", True, False))
    Traceback (most recent call last):
        ...
    ValueError: Metrics: verbose must be one of 'auto', True, False; received 'loud'.
    """
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        raise ValueError(f"Metrics: {name} must be one of {', '.join(map(repr, choices))}{more}; received {value!r}.")
