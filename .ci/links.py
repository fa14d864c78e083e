#!/usr/bin/env python3
"""Gives a release the address of its repository: `.ci/links.py URL TAG`, run by the workflow that publishes.

Adds [project.urls] to pyproject.toml, and makes the links of README.md absolute: the package index shows it without the
files beside it. The repository names no address of its own, so a fork's release points to the fork.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
url, tag = sys.argv[1:]

with (ROOT / "pyproject.toml").open("a") as file:
    file.write(f"""
[project.urls]
Source = "{url}"
Documentation = "{url}/tree/{tag}/docs"
Changelog = "{url}/blob/{tag}/CHANGELOG.md"
Issues = "{url}/issues"
""")

readme = ROOT / "README.md"
text = re.sub(r"(!\[[^]]*\]\()(?!https?:)", rf"\g<1>{url}/raw/{tag}/", readme.read_text())
readme.write_text(re.sub(r"(\]\()(?!https?:|#)", rf"\g<1>{url}/blob/{tag}/", text))
