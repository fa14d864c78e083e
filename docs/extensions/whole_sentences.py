"""Keeps sentences with a colon whole: Napoleon reads "The label of each row: …" as a type and a text."""

from sphinx.application import Sphinx

_STAND_IN = "\N{MODIFIER LETTER COLON}"  # no docstring has it


def hide_colons(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Exchange the colons of a property's first line, and of the first line after "Returns:"."""
    for index, line in enumerate(lines):
        is_first_line = what == "property" and index == 0
        if is_first_line or (index and lines[index - 1].strip() == "Returns:"):
            lines[index] = line.replace(":", _STAND_IN)


def show_colons(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Put the colons back."""
    lines[:] = [line.replace(_STAND_IN, ":") for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both, before and after Napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", hide_colons, priority=400)
    app.connect("autodoc-process-docstring", show_colons, priority=600)
    return {"parallel_read_safe": True}
