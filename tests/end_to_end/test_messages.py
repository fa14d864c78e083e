"""docs/messages.md has every message of the package: each entry is in the source, and each message has an entry."""

import ast
import functools
import re
from pathlib import Path

import kerascb_metrics

PACKAGE = Path(kerascb_metrics.__file__).parent  # the installed one
PAGE = Path(__file__).parents[2] / "docs" / "messages.md"
# Calls that make a message of a text. The text of an `_UnpairedError` becomes a part of that of a `DataError`.
ERRORS = re.compile(r"(?<!Unpaired)Error$|^Undefined$")
WARNINGS = re.compile(r"warn(_once)?$")
TABLE = re.compile(r"^\| message \| meaning \| what to do \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", flags=re.MULTILINE)
# A message with fewer letters of its own is made of texts from elsewhere, as in f"{problem}. {advice}".
FEWEST_LETTERS = 8


def text_of(node):
    """Return the text of a string, with … for what is filled in; None if the node is not a string."""
    if isinstance(node, ast.JoinedStr):
        text = "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    else:
        return None
    return re.sub("…+", "…", text.removeprefix("Metrics: "))


def letters_of(text):
    return sum(character.isalpha() for character in text)


def message_of(node):
    """Return the message of a call that makes an error or a warning; None for any other node."""
    name = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
    if ERRORS.search(name):  # the message comes first, except after the number of an `OSError`
        texts = list(map(text_of, node.args[: 2 if name == "OSError" else 1]))
    elif WARNINGS.search(name):  # the message may come after a topic, which is shorter
        texts = sorted(filter(None, map(text_of, node.args)), key=len)
    else:
        return None
    return texts[-1] if texts and texts[-1] and letters_of(texts[-1]) >= FEWEST_LETTERS else None


@functools.cache
def nodes():
    sources = [path.read_text() for path in sorted(PACKAGE.rglob("*.py"))]
    return [node for source in sources for node in ast.walk(ast.parse(source))]


@functools.cache
def entries():
    """Return the messages in the first column of the page's tables: leading words, with … for what varies."""
    rows = "".join(TABLE.findall(PAGE.read_text())).splitlines()
    cells = [re.split(r"(?<=`) \| ", row.removeprefix("| "))[0] for row in rows]
    return [text.strip() for cell in cells for _, text in re.findall(r"(`+)(.+?)\1(?!`)", cell)]


def test_each_entry_of_the_page_is_a_text_in_the_package():
    texts = {text for text in map(text_of, nodes()) if text is not None}
    assert [entry for entry in entries() if not any(text.startswith(entry) for text in texts)] == []


def test_each_message_of_the_package_is_on_the_page():
    messages = {message for message in map(message_of, nodes()) if message is not None}
    assert len(messages) > 300
    assert sorted(message for message in messages if not message.startswith(tuple(entries()))) == []


def test_no_entry_is_so_short_that_it_covers_what_it_does_not_describe():
    assert [entry for entry in entries() if letters_of(entry) < FEWEST_LETTERS] == []


def test_no_entry_is_there_twice():
    assert sorted({entry for entry in entries() if entries().count(entry) > 1}) == []


def test_messages_are_found_in_a_source():
    source = (
        'raise ValueError(f"Metrics: {name}{kind} must be a {kind}. " "Pass one.")\nself._warn("topic", "it is late")'
    )
    found = [message_of(node) for node in ast.walk(ast.parse(source))]
    assert {message for message in found if message} == {"… must be a …. Pass one.", "it is late"}
