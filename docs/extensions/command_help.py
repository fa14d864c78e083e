"""The directive `command-help`: what the command line prints for `--help`, of the program and of each command."""

import argparse

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from kerascb_metrics.__main__ import _parser


class CommandHelp(SphinxDirective):
    """One block for the program, then one per command."""

    def run(self) -> list[nodes.Node]:
        """Return the blocks."""
        program = _parser()
        commands = [action for action in program._actions if isinstance(action, argparse._SubParsersAction)]
        parsers = [program, *(parser for action in commands for parser in action.choices.values())]
        return [nodes.literal_block("", parser.format_help(), language="text") for parser in parsers]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
