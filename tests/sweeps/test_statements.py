"""The plugin that says which tests repeat only the SQL of others."""

from __future__ import annotations

import pytest

from tests.support.statements import Sent, could_be_marked, kind_of, only_marked


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t WHERE b = %s LIMIT 21", "SELECT a  FROM t\nWHERE b = 'it''s' LIMIT 3"),
        ("SELECT a FROM t WHERE b IN (%s, %s, %s)", "SELECT a FROM t WHERE b IN (%s)"),
        ("INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s)", "INSERT INTO t (a, b) VALUES (1, 2)"),
        ('SAVEPOINT "s140_x1"', 'SAVEPOINT "s77_x20"'),
        (
            "UPDATE t SET a = CASE WHEN (t.id = 1) THEN %s WHEN (t.id = 2) THEN %s ELSE NULL END",
            "UPDATE t SET a = CASE WHEN (t.id = 7) THEN %s ELSE NULL END",
        ),
    ],
)
def test_statements_that_differ_in_values_are_of_one_kind(one: str, other: str) -> None:
    assert kind_of(one) == kind_of(other)


@pytest.mark.parametrize(
    "other",
    [
        "SELECT a FROM t1 WHERE b = %s",
        "SELECT a FROM t WHERE b = %s FOR UPDATE",
        "SELECT a FROM t WHERE b > %s",
    ],
)
def test_statements_that_differ_in_more_are_of_two_kinds(other: str) -> None:
    assert kind_of("SELECT a FROM t WHERE b = %s") != kind_of(other)


def test_kinds_that_only_marked_tests_send_are_found() -> None:
    functions = {"a": Sent(True, 1, {"x", "y"}), "b": Sent(False, 1, {"x"})}
    assert only_marked(functions) == {"y": "a"}
    functions["c"] = Sent(False, 1, {"y"})
    assert only_marked(functions) == {}


def test_functions_that_could_be_marked_leave_every_kind_to_the_others() -> None:
    functions = {
        "cheap": Sent(False, 1, {"x", "y"}),
        "slow": Sent(False, 9, {"x"}),
        "only one": Sent(False, 5, {"x", "z"}),
        "marked": Sent(True, 7, {"x", "y", "z"}),
    }
    assert could_be_marked(functions) == ["slow"]
