"""The project's source text as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "apps"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(under: Path = APPS) -> list[Path]:
    """Every module below a folder, except migrations, whose text Django generates."""
    return sorted(path for path in under.rglob("*.py") if "migrations" not in path.parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(path: Path) -> Iterator[str]:
    """The full names of everything that a module imports at any level: packages and the imported names."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called_names(node: ast.AST) -> set[str]:
    """The names of the functions called in a piece of source: ``record``, ``resolving.resolve``."""
    calls = (part.func for part in ast.walk(node) if isinstance(part, ast.Call))
    return {ast.unparse(function) for function in calls}


def relative(path: Path) -> str:
    """A path relative to the project's root, for messages."""
    return path.relative_to(ROOT).as_posix()
