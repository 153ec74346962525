"""Pages of the documentation site whose text stands elsewhere in the project, so that nothing is written twice.

mkdocs calls `on_files` (`hooks:` in mkdocs.yml). Links are turned to where their targets are in the site.
"""

import ast
import re
from pathlib import Path
from typing import Any

__all__ = ["SOURCES", "example_page", "on_files", "page"]

ROOT = Path(__file__).resolve().parent.parent
# Page of the site -> the file that it shows.
SOURCES = {
    "index.md": "README.md",
    "ko/index.md": "README.ko.md",
    "security.md": "SECURITY.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
_PAGES = {source: name for name, source in SOURCES.items()}
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def page(name: str) -> str:
    """Return the Markdown of a page that is made of another file."""
    text = (ROOT / SOURCES[name]).read_text(encoding="utf-8")
    up = "../" * name.count("/")

    def turned(match: re.Match[str]) -> str:
        target = match[1]
        return f"]({up}{_PAGES.get(target, target.removeprefix('docs/'))}"

    return _LINK.sub(turned, text)


def example_page() -> str:
    """Return the page of the programs in examples/, each with its docstring as the text before it."""
    parts = ["# Examples", "Whole programs, from `examples/`. Each runs in the tests, against the simulator."]
    for path in sorted((ROOT / "examples").glob("*.py")):
        code = path.read_text(encoding="utf-8")
        title, _, text = (ast.get_docstring(ast.parse(code)) or path.stem).partition("\n")
        parts += [f"## {title.rstrip('.')}", text.strip(), f'```py title="examples/{path.name}"\n{code}```']
    return "\n\n".join(part for part in parts if part) + "\n"


def on_files(files: Any, config: Any) -> Any:
    """Add the pages; mkdocs gives its collection of files and its configuration."""
    from mkdocs.structure.files import File  # here: who has not installed it still tests the rest

    for name in SOURCES:
        files.append(File.generated(config, name, content=page(name)))
    files.append(File.generated(config, "examples.md", content=example_page()))
    return files
