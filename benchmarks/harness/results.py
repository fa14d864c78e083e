"""The results as files: JSON for programs, Markdown for people."""

import json
from dataclasses import asdict

from benchmarks.harness.table import Row, markdown

HEAD = """# Benchmark

Written by `make bench`. Figures are medians of cases that are interleaved in one process, see README.md.
"""


def write(folder, measured, order):
    """Write the sections that were measured; the others stay as they are on file, each with its own facts.

    Args:
        folder: where results.json and results.md go.
        measured: section → {"facts": …, "rows": [Row, …]}.
        order: the names of all sections, in the order of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    everything = _on_file(folder / "results.json") | measured
    everything = {name: everything[name] for name in order if name in everything}
    (folder / "results.json").write_text(json.dumps(_plain(everything), indent=1, ensure_ascii=False) + "\n")
    parts = [_section(name, **section) for name, section in everything.items()]
    (folder / "results.md").write_text("\n".join([HEAD, *parts]))


def _on_file(path):
    if not path.exists():
        return {}
    return {
        name: {"facts": section["facts"], "rows": [Row(**row) for row in section["rows"]]}
        for name, section in json.loads(path.read_text()).items()
    }


def _plain(everything):
    return {
        name: {"facts": section["facts"], "rows": [asdict(row) for row in section["rows"]]}
        for name, section in everything.items()
    }


def _section(name, facts, rows):
    described = "; ".join(f"{what} {value}" for what, value in facts.items())
    return f"## {name}\n\n{described}\n\n{markdown(rows)}\n"
