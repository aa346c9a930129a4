"""What the text of a module says of other files: which it imports, and which it may open."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

# Quotes are not consumed: the one that ends a text may not hide the one that begins the next.
QUOTED: Final = re.compile(r"""(?<=["'])[\w./-]+(?=["'])""")


def imports_of(text: str) -> Iterator[str]:
    """Dotted names of everything that a module imports when it runs."""
    waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            # No import stands inside an expression, and most of a file is expressions.
            children = ast.iter_child_nodes(node)
            waiting += [child for child in children if not isinstance(child, ast.expr)]


def names_in(text: str) -> set[str]:
    """Words in quotes, paths as their parts: ``"data/sources.toml"`` is data and sources.toml."""
    return {part for quoted in QUOTED.findall(text) for part in quoted.split("/")}
