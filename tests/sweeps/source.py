"""Our own source text, read as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "apps"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(under: Path = APPS) -> list[Path]:
    """Every module below a folder but migrations, whose text Django writes."""
    return sorted(path for path in under.rglob("*.py") if "migrations" not in path.parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(path: Path) -> Iterator[str]:
    """The full names of all that a module imports, wherever in it: packages, and what is taken from them."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called_names(node: ast.AST) -> set[str]:
    """The names of the functions that are called in a piece of source: ``record``, ``resolving.resolve``."""
    calls = (part.func for part in ast.walk(node) if isinstance(part, ast.Call))
    return {ast.unparse(function) for function in calls}


def relative(path: Path) -> str:
    """A path as people write it."""
    return path.relative_to(ROOT).as_posix()
