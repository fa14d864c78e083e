"""The errors for a score that is not there, or is elsewhere: they name the one that was meant, if one is near."""

import difflib
from collections.abc import Hashable, Iterable
from typing import Any

_MOST_NAMES = 20


def unknown_score(name: object, known: Iterable[str], *, of_result: bool = False) -> Exception:
    """Return a `KeyError`, as of a dict, with the scores that there are; a `TypeError` for what cannot be a key.

    Args:
        name: what was asked for.
        known: the names of the scores.
        of_result: whether they are those of one result, and not of epochs.

    >>> unknown_score("val_f1", ["f1", "auc"])
    KeyError("no score 'val_f1' was recorded; there are: f1, auc; did you mean 'f1'? ...")
    >>> unknown_score("f1", ["kind_f1", "price_r2"])
    KeyError("no score 'f1' was recorded; there are: kind_f1, price_r2; did you mean 'kind_f1'?")
    >>> unknown_score([0, 1], ["f1"])
    TypeError("the name of a score is a string, such as 'f1'; received list. The name comes last: ...")
    """
    names = list(known)
    if not isinstance(name, str):
        example = names[0] if names else "f1"
        kind = KeyError if isinstance(name, Hashable) else TypeError
        return kind(
            f"the name of a score is a string, such as {example!r}; received {type(name).__name__}. The name comes "
            f"last: compare(epoch, other, {example!r}), by_group(groups, {example!r})."
        )
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    none = "none" if of_result else "none yet, because no epoch has been scored"
    there_are = f"{', '.join(names[:_MOST_NAMES])}{more}" or none
    verb = "computed" if of_result else "recorded"
    return KeyError(f"no score {name!r} was {verb}; there are: {there_are}{_hint(name, names)}")


def attribute_of(of: object, name: str, known: Iterable[str], where: str) -> Any:
    """Raise for an attribute that an object lacks; for the name of a score the error says where its values are.

    Args:
        of: the object, which calls this in `__getattr__`.
        name: the attribute.
        known: the names of the scores; not read for a name with an underscore in front, which Python asks for itself.
        where: the mapping that holds them, as one writes it.

    Raises:
        AttributeError: always, unless a property has the name: then its own error.

    >>> attribute_of(0, "val_f1", ["f1", "kind_f1"], "metrics.history")
    Traceback (most recent call last):
        ...
    AttributeError: 'int' object has no attribute 'val_f1'; scores are items: metrics.history['f1']
    """
    own = getattr(type(of), name, None)
    if isinstance(own, property) and own.fget is not None:  # Python calls `__getattr__` too where a property raises
        return own.fget(of)
    meant = None
    if not name.startswith("_"):
        bare = name.removeprefix("val_")
        names = list(known)
        meant = bare if bare in names else next((own for own in names if own.endswith(f"_{bare}")), None)
    hint = "" if meant is None else f"; scores are items: {where}[{meant!r}]"
    raise AttributeError(f"{type(of).__name__!r} object has no attribute {name!r}{hint}", name=name, obj=of)


def _hint(name: str, names: list[str]) -> str:
    bare = name.removeprefix("val_")
    if bare != name and bare in names:
        return f"; did you mean {bare!r}? Only the keys of logs begin with 'val_'"
    of_outputs = [own for own in names if own.endswith(f"_{bare}")]
    near = of_outputs[:3] or difflib.get_close_matches(bare, names, n=3)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
