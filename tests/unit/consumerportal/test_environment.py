"""Environment variables are read as typed values; one that is not of its type is a problem by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consumerportal.environment import Environment


def environment(**variables: str) -> Environment:
    """An environment with these variables and no others."""
    env = Environment()
    env.ENVIRON = variables
    return env


@pytest.mark.parametrize(
    ("text", "value"),
    [("True", True), ("on", True), (" yes ", True), ("1", True), ("FALSE", False), ("0", False)],
)
def test_flag_is_read(text: str, value: bool) -> None:
    env = environment(FLAG=text)
    assert env.bool("FLAG", default=not value) is value
    assert env.problems == []


@pytest.mark.parametrize(
    ("read", "text", "problem"),
    [
        (lambda it: it.bool("X", default=True), "enabled", "X is not True or False"),
        (lambda it: it.bool("X", default=True), "", "X is not True or False"),
        (lambda it: it.int("X", default=True), "2.5", "X is not a whole number"),
        (lambda it: it.float("X", default=True), "30s", "X is not a number"),
        (lambda it: it.float("X", default=True), "1,000", "X is not a number"),
        (lambda it: it.list("X", float, True), "2,ten", "X is not a list of numbers"),
    ],
)
def test_value_of_another_type_is_a_problem(
    read: Callable[[Environment], object], text: str, problem: str
) -> None:
    env = environment(X=text)
    assert read(env) is True, "the default"
    assert env.problems == [problem]


@pytest.mark.parametrize("text", ["0", "-1"])
def test_number_below_one_is_a_problem_where_it_cannot_work(text: str) -> None:
    env = environment(X=text)
    assert env.positive("X", default=2) == 2
    assert env.problems == [f"X ({text}) is not at least 1"]
    assert environment(X="1").positive("X", default=2) == 1


def test_number_above_its_limit_is_a_problem() -> None:
    env = environment(X="1000000", Y="9" * 30)
    assert (env.positive("X", default=30, most=3_650), env.positive("Y", default=2)) == (30, 2)
    assert env.problems == ["X (1000000) is above 3,650", f"Y ({'9' * 30}) is above 1,000,000,000"]
    assert environment(X="3650").positive("X", default=2, most=3_650) == 3_650


def test_value_that_begins_with_a_dollar_sign_is_no_name_of_another_variable() -> None:
    env = environment(X="$portal", portal="another", Y="$1,$2")
    assert env.str("X", default="") == "$portal"
    assert env.list("Y", default=[]) == ["$1", "$2"]
    assert env.int("X", default=7) == 7
    assert env.problems == ["X is not a whole number"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "postgres",
        "mysql://portal@db/portal",
        "postgres://portal:pass#word@db:port/portal",
        "postgres://db:x",
    ],
)
def test_address_that_is_no_database_is_a_problem_and_not_shown(address: str) -> None:
    env = environment(DATABASE_URL=address)
    assert env.db_url("DATABASE_URL", "sqlite:///portal.sqlite3")["NAME"] == "portal.sqlite3"
    assert env.problems == ["DATABASE_URL is not the address of a SQLite or PostgreSQL database"]


def test_address_of_a_database_is_read() -> None:
    env = environment(DATABASE_URL="postgres://portal:secret@db:5433/portal")
    read = env.db_url("DATABASE_URL", "sqlite:///portal.sqlite3")
    assert (read["HOST"], read["PORT"], read["NAME"], env.problems) == ("db", 5433, "portal", [])


def test_number_is_read_as_written() -> None:
    assert environment(X="1e3").float("X", default=0.0) == 1000.0


def test_blanks_around_the_items_of_a_list_do_not_belong_to_them() -> None:
    assert environment(X="a.example, b.example,").list("X", default=[]) == ["a.example", "b.example"]
