"""Links names of the reference, in docstrings, where single backticks hold them, and in signatures; shortens types."""

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxRole

import kerascb_metrics

_NAME = re.compile(r"[A-Za-z_][\w.]*")


class Name(SphinxRole):
    """`text` in docstrings and examples: a link where it is a name of the reference, in any case code."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the node of one text between backticks."""
        code = nodes.literal("", self.text, classes=["xref", "py"])
        if not _NAME.fullmatch(self.text):
            return [nodes.literal("", self.text)], []
        context = {name: self.env.ref_context.get(name) for name in ("py:module", "py:class")}
        reference = addnodes.pending_xref(
            "", code, refdomain="py", reftype="obj", reftarget=self.text, refdoc=self.env.docname, **context
        )
        return [reference], []


def public_name(app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, contnode: nodes.Node) -> Any:
    """Resolve a name by its public one: annotations name the module that a class is defined in."""
    module, _, name = node.get("reftarget", "").rpartition(".")
    if node.get("refdomain") != "py" or kerascb_metrics._MODULES.get(name) != module:
        return None
    return env.domains.python_domain.resolve_xref(
        env, node["refdoc"], app.builder, "obj", f"kerascb_metrics.{name}", node, contnode
    )


def short_types(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Write an array of any shape and dtype as `ndarray`."""
    any_array = "~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~typing.Any]]"
    shortened = [text and text.replace(any_array, "~numpy.ndarray") for text in (signature, returned)]
    return shortened[0], shortened[1]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the role, the resolution and the shortening."""
    app.add_role("name", Name())
    app.connect("autodoc-process-signature", short_types)
    app.connect("missing-reference", public_name)
    return {"parallel_read_safe": True}
