"""No lock of a row stops those that store rows which refer to it."""

from __future__ import annotations

import ast

from tests.support.source import ROOT, modules, relative, tree_of


def test_every_row_is_locked_without_its_key() -> None:
    """A foreign key is checked at the commit, which has locked the head of the audit log by then.

    If it waited for the row, and the lock's holder recorded an event next, the two would wait for each other.
    """
    locks = [
        (f"{relative(path)}:{node.lineno}", {one.arg: ast.unparse(one.value) for one in node.keywords})
        for path in (*modules(), *modules(ROOT / "consumerportal"))
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".select_for_update")
    ]
    assert len(locks) > 15
    assert [place for place, options in locks if options.get("no_key") != "True"] == []
