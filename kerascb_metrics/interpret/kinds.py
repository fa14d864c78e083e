"""The kinds of tasks, the scales of outputs and the families of losses, as types."""

from typing import Literal, get_args

Kind = Literal["binary", "multiclass", "multilabel", "ordinal", "regression"]
# What the outputs of a classifier are. Margins are what hinge losses train: positive above 0.
Scale = Literal["probability", "logit", "margin"]
# "crossentropy" is binary or categorical: Keras decides by the shapes.
LossFamily = Literal["binary", "categorical", "crossentropy", "hinge", "categorical_hinge", "regression"]
# What a task's `from_logits` may be. "auto" means: as the compiled loss has it.
FromLogits = bool | Literal["auto"]

# Each class has a score of its own, so that rows can be ranked. Grades have none: their outputs are labels only.
RANKED: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
CLASSIFICATION: tuple[Kind, ...] = (*RANKED, "ordinal")
KINDS: tuple[Kind, ...] = (*CLASSIFICATION, "regression")
# Nothing but the user tells that classes are grades.
INFERRED: tuple[Kind, ...] = (*RANKED, "regression")

# The scores that can choose the threshold of a task: the four cells of a class suffice for each.
Choosing = Literal[
    "f1",
    "precision",
    "recall",
    "iou",
    "specificity",
    "f0_5",
    "f2",
    "accuracy",
    "balanced_accuracy",
    "kappa",
    "kappa_linear",
    "kappa_quadratic",
    "mcc",
]
CHOOSING: tuple[Choosing, ...] = get_args(Choosing)
