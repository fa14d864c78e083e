"""Links to files of the repository lead to their pages: `examples/x.py` to the gallery, `docs/x.md` to that page.

On a code host the same links lead to the files.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

_PAGES = {"CHANGELOG.md": "changelog", "README.md": "index", "examples": "gallery/index"}
_PLACES = ((r"docs/([\w/]+)\.md", r"\1"), (r"examples/(\w+)\.py", r"gallery/\1"))


class RepositoryLinks(SphinxTransform):
    """Replaces links to files outside of `docs/`, and makes links of paths in the text."""

    default_priority = 500

    def apply(self) -> None:
        """Go through one page."""
        for node in list(self.document.findall(self._is_link)):
            page = self._page_of(self._path_of(node))
            if page is not None:
                node.replace_self(self._link(page, node.children))
        for node in list(self.document.findall(nodes.literal)):
            page = self._page_of(node.astext())
            if page is not None and page != self.env.docname and not self._is_part_of_link(node):
                node.replace_self(self._link(page, [node.deepcopy()]))

    @staticmethod
    def _is_link(node: nodes.Node) -> bool:
        return isinstance(node, addnodes.download_reference | addnodes.pending_xref)

    def _is_part_of_link(self, node: nodes.Node | None) -> bool:
        while node is not None and not self._is_link(node) and not isinstance(node, nodes.reference):
            node = node.parent
        return node is not None

    def _path_of(self, node: nodes.Element) -> str:
        """Return where a link of a page leads to, from the root of the repository."""
        root, page = Path(self.env.srcdir).parent, Path(self.env.doc2path(self.env.docname))
        target = (page.parent / node["reftarget"]).resolve()
        # Of a Markdown file outside of `docs/` MyST takes the ending away.
        if node.get("refdomain") == "doc" and node["reftarget"].startswith("/"):
            target = target.with_suffix(".md")
        return str(target.relative_to(root)) if target.is_relative_to(root) else ""

    def _page_of(self, path: str) -> str | None:
        if path in _PAGES:
            return _PAGES[path]
        for pattern, page in _PLACES:
            if (match := re.fullmatch(pattern, path)) and (Path(self.env.srcdir).parent / path).exists():
                return match.expand(page)
        return None

    def _link(self, page: str, text: list[nodes.Node]) -> addnodes.pending_xref:
        return addnodes.pending_xref(
            "",
            nodes.inline("", "", *text),
            refdomain="std",
            reftype="doc",
            reftarget=f"/{page}",
            refdoc=self.env.docname,
            refexplicit=True,
            refwarn=True,
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(RepositoryLinks)
    return {"parallel_read_safe": True}
