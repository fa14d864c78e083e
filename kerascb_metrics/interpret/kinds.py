"""The words for kinds of tasks, scales of outputs and families of losses."""

from typing import Literal

Kind = Literal["binary", "multiclass", "multilabel", "regression"]
Scale = Literal["probability", "logit", "margin"]
LossFamily = Literal["binary", "categorical", "crossentropy", "hinge", "categorical_hinge", "regression"]

CLASSIFICATION: tuple[Kind, ...] = ("binary", "multiclass", "multilabel")
KINDS: tuple[Kind, ...] = (*CLASSIFICATION, "regression")
