"""Reads environment variables as typed values, strictly."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import environ

MAX_DAYS = 365
MOST = 1_000_000_000  # a much larger number overflows in the system or the database
DATABASE_ENGINES = frozenset({"django.db.backends.sqlite3", "django.db.backends.postgresql"})
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


def split_list(value: str) -> list[str]:
    """The non-empty items of a comma-separated value, without surrounding blanks."""
    return [item.strip() for item in value.split(",") if item.strip()]


class Environment(environ.Env):  # type: ignore[misc]  # django-environ has no types
    """Reads typed values. One that is not of its type becomes a problem, and the default is returned.

    django-environ itself reads ``TLS_AT_PROXY=enabled`` as false and ``CDP_TOTAL_TIMEOUT=1e3`` as 13, and a
    value that begins with ``$``, as a password may, as the name of another variable.
    """

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        """The value of a variable as the type ``cast``, or the default."""
        value = self.ENVIRON.get(var)
        try:
            if isinstance(value, str) and value.startswith("$"):
                return self.parse_value(value, cast)
            return super().get_value(var, cast, default, parse_default)
        except ValueError:
            kind = {bool: "True or False", int: "a whole number", float: "a number"}
            wanted = "a list of numbers" if isinstance(cast, list) else kind[cast]
            self.problems.append(f"{var} is not {wanted}")
            return default

    def positive(self, var: str, default: int, *, most: int = MOST) -> int:
        """The value of a variable as a whole number from 1 to ``most``, or the default."""
        number: int = self.int(var, default=default)
        if number < 1:
            self.problems.append(f"{var} ({number}) is not at least 1")
            return default
        if number > most:
            self.problems.append(f"{var} ({number}) is above {most:,}")
            return default
        return number

    def days(self, var: str, default: int) -> int:
        """The value of a variable as a number of days from 0 to 365, or the default."""
        number: int = self.int(var, default=default)
        if not 0 <= number <= MAX_DAYS:
            self.problems.append(f"{var} ({number}) is not between 0 and {MAX_DAYS}")
            return default
        return number

    def db_url(self, var: str, default: str) -> dict[str, Any]:
        """The configuration of the database at this address, or at the default."""
        parsed: dict[str, Any] = {}
        # The library's warning and its exception may quote the password.
        with warnings.catch_warnings(action="ignore"), suppress(ValueError):
            parsed = self.db_url_config(self.get_value(var, str, default))
        if parsed.get("ENGINE") not in DATABASE_ENGINES:
            self.problems.append(f"{var} is not the address of a SQLite or PostgreSQL database")
            parsed = self.db_url_config(default)
        return parsed

    @classmethod
    def parse_value(cls, value: str, cast: Any) -> Any:
        """The value as the type ``cast``. Raises ``ValueError`` if it is none."""
        if cast is bool:
            word = value.strip().lower()
            if word not in _TRUE | _FALSE:
                raise ValueError("neither true nor false")
            return word in _TRUE
        if cast is float:
            return float(value)
        return split_list(value) if cast is list else super().parse_value(value, cast)
