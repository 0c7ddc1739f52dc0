"""`.env.example` contains every setting that is read from the environment with its default, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.support.source import ROOT, modules, tree_of

READ_BY = ("env", "self.env", "startup", "os.environ")
LINE = re.compile(r"(?m)^(# )?([A-Z][A-Z0-9_]+)=(.*)$")


def _read() -> dict[str, list[ast.expr]]:
    """The names of settings, each with the defaults in the source."""
    found: dict[str, list[ast.expr]] = {}
    for path in [*modules(ROOT / "consumerportal"), ROOT / "gunicorn.conf.py", *modules()]:
        for node in ast.walk(tree_of(path)):
            for name, default in _setting(node):
                found.setdefault(name, []).extend(default)
    found.pop("DJANGO_SETTINGS_MODULE", None)
    return found


def _setting(node: ast.AST) -> Iterator[tuple[str, list[ast.expr]]]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return
    name = node.args[0]
    if ast.unparse(node.func.value) in READ_BY and isinstance(name, ast.Constant):
        defaults = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
        if re.fullmatch(r"[A-Z][A-Z0-9_]+", str(name.value)):
            yield str(name.value), defaults


def _documented() -> dict[str, tuple[bool, str]]:
    """Names, each with whether its line is commented out (then it shows the default) and the value."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return {name: (bool(comment), value) for comment, name, value in LINE.findall(text)}


def test_every_setting_is_documented_and_no_other() -> None:
    read, documented = {*_read()}, {*_documented()}
    assert len(read) > 35
    assert read == documented


def test_no_setting_is_documented_twice() -> None:
    names = [name for _, name, _ in LINE.findall((ROOT / ".env.example").read_text(encoding="utf-8"))]
    assert sorted(set(names)) == sorted(names)


def test_documented_defaults_are_the_defaults_of_the_source() -> None:
    compared, wrong = 0, []
    documented = _documented()
    for name, defaults in _read().items():
        commented, shown = documented.get(name, (False, ""))
        for default in defaults:
            if commented and (value := _plain(default)) is not None:
                compared += 1
                if shown != value:
                    wrong.append(f"{name}: {shown!r} is shown, {value!r} is read")
    assert wrong == []
    assert compared > 25


def _plain(default: ast.expr) -> str | None:
    """A default as an environment variable; None if only the running code can compute it."""
    try:
        value = eval(compile(ast.Expression(default), "default", "eval"), {"__builtins__": {}})
    except NameError:
        return None
    if isinstance(value, list):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
