"""Public functions and classes have docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.source import APPS, ROOT, Function, modules, relative, tree_of


def _undocumented(path: Path) -> Iterator[str]:
    for node in tree_of(path).body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None and not _has_django_text(node):
            yield f"{relative(path)}: {node.name}"


def _has_django_text(node: Function | ast.ClassDef) -> bool:
    """Whether Django defines the meaning: a command has its help text, an app configuration its name."""
    return isinstance(node, ast.ClassDef) and (
        node.name == "Command" or [ast.unparse(base) for base in node.bases] == ["AppConfig"]
    )


def test_every_public_function_and_class_has_a_docstring() -> None:
    paths = [*modules(), *modules(ROOT / "consumerportal"), *modules(ROOT / "sandbox")]
    assert len(paths) > 80
    assert [name for path in paths for name in _undocumented(path)] == []


def test_every_module_with_code_has_a_docstring() -> None:
    plain = {"urls.py", "sign_in_urls.py", "apps.py"}
    silent = [
        relative(path)
        for path in [*modules(APPS), *modules(ROOT / "sandbox")]
        if tree_of(path).body and ast.get_docstring(tree_of(path)) is None and path.name not in plain
    ]
    assert silent == []
