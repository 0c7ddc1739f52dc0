"""A permission is written twice: in the app that owns it, and in the matrix of the roles."""

from __future__ import annotations

import ast
from importlib import import_module

from django.apps import apps

from tests.support.permissions import PERMISSIONS
from tests.support.source import APPS, ROOT, modules, relative, tree_of

DEFINED = {
    f"{model._meta.app_label}.{codename}"
    for model in apps.get_models()
    if model.__module__.startswith("apps.")
    for codename, _name in model._meta.permissions
}
NAMED_IN = [APPS / app / "permissions.py" for app in ("accounts", "audit", "batches", "consumers", "history")]


def test_models_constants_and_matrix_list_the_same_permissions() -> None:
    named = [
        value
        for path in NAMED_IN
        for name, value in vars(import_module(f"apps.{path.parent.name}.permissions")).items()
        if name.isupper()
    ]
    assert sorted(named) == sorted(DEFINED)
    assert DEFINED == PERMISSIONS


def test_no_other_module_spells_out_a_permission() -> None:
    spelled = [
        f"{relative(path)}: {node.value}"
        for path in [*modules(APPS), *modules(ROOT / "consumerportal")]
        if path not in NAMED_IN and path != APPS / "accounts" / "roles.py"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and node.value in DEFINED
    ]
    assert spelled == []
