"""How Sphinx builds these pages: `make docs`. It needs no network, and neither do readers of the pages."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "extensions")]
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import kerascb_metrics  # noqa: E402  (found in the folder above)

project = "kerascb_metrics"
version = release = kerascb_metrics.__version__
html_title = f"{project} {version}"
html_theme = "furo"
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_show_copyright = html_show_sphinx = False
exclude_patterns = ["_build", "extensions", "pictures"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "command_help",
    "repository_links",
    "short_names",
    "whole_sentences",
]

smartquotes_action = "D"  # dashes, but no curly quotes: "auto" is a string of Python

# The pages. Anchors such as `scores.md#names` are those of code hosts.
myst_heading_anchors = 4

# The reference.
default_role = "name"  # in docstrings and examples: a link where it is a name of ours, in any case code
add_module_names = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]  # a list, as the properties have entries of their own
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True

# The examples.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    # The others need packages or processes of their own. They are shown; .ci/run runs each one by itself.
    "filename_pattern": r"/(?!distributed_|tools_)\w+\.py$",
    "within_subsection_order": "gallery_rules.ExampleOrder",
    "reset_modules": ("matplotlib", "gallery_rules.reset_keras"),
    "capture_repr": (),  # what is printed and drawn, as when the script runs
    "default_thumb_file": str(DOCS / "static" / "script.svg"),
    "first_notebook_cell": "%matplotlib inline",
    "image_srcset": ["2x"],
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 3600,
}
