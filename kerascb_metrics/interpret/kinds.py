"""The kinds of tasks, the scales of outputs and the families of losses, as types."""

from typing import Literal

Kind = Literal["binary", "multiclass", "multilabel", "regression"]
# What the outputs of a classifier are. Margins are what hinge losses train: positive above 0.
Scale = Literal["probability", "logit", "margin"]
# "crossentropy" is binary or categorical: Keras decides by the shapes.
LossFamily = Literal["binary", "categorical", "crossentropy", "hinge", "categorical_hinge", "regression"]
# What a task's `from_logits` may be. "auto" means: as the compiled loss has it.
FromLogits = bool | Literal["auto"]

CLASSIFICATION: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
KINDS: tuple[Kind, ...] = (*CLASSIFICATION, "regression")
