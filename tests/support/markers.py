"""Random letters in place of personal data, and the places of the portal that are searched for them."""

from __future__ import annotations

import io
import logging
import random
import string
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.cache import cache
from django.db import connection

from apps.accounts.models import Session
from tests.support.postgresql import find_binaries


def _random_letters(number: int) -> str:
    return "".join(random.choices(string.ascii_lowercase, k=number))


# All random markers of this process begin with it: a long text without it needs only one search for all.
_PREFIX = _random_letters(6)


class Markers(dict[str, str]):
    """A marker for each name: a text given at first, or 20 random letters, created at first use.

    The letters are in lower case, because e-mail hosts are.
    """

    def __missing__(self, name: str) -> str:
        self[name] = _PREFIX + _random_letters(14)
        return self[name]

    def found_in(self, text: str | bytes) -> list[str]:
        """The names of the markers that a text contains, ignoring case."""
        lower = text.lower()
        has_prefix = _contains(lower, _PREFIX)
        return [
            name
            for name, marker in self.items()
            if (has_prefix or not marker.startswith(_PREFIX)) and _contains(lower, marker)
        ]


def _contains(text: str | bytes, part: str) -> bool:
    return part.encode() in text if isinstance(text, bytes) else part in text


@contextmanager
def logged_at_debug(stream: io.TextIOBase) -> Iterator[None]:
    """Write the log of LOG_LEVEL=DEBUG to ``stream`` inside the block, through the settings' handler."""
    known = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    # Loggers without a level follow the root. The settings disable one at every level with CRITICAL.
    levels = {logger: logger.level for logger in known if 0 < logger.level < logging.CRITICAL}
    [handler] = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler)
        and type(getattr(handler, "formatter", None)).__name__ == "ProcessorFormatter"
    ]
    before = handler.setStream(stream)
    for logger in levels:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
        handler.setStream(before)


def rows() -> Iterator[str]:
    """Every row of every table; sessions and cache entries in decoded form too."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            yield from (f"{table}: {row}" for row in cursor.fetchall())
        cursor.execute("SELECT cache_key FROM portal_cache")
        keys = [key.split(":", 2)[2] for (key,) in cursor.fetchall()]
    yield from (f"cache: {key}: {cache.get(key)}" for key in keys)
    yield from (f"session: {session.get_decoded()}" for session in Session.objects.all())


def database_bytes() -> Iterator[tuple[str, bytes]]:
    """The raw database: the SQLite files with their journals, or a PostgreSQL dump.

    Another process reads the files: closing one of them here would drop the locks that SQLite holds on it in
    this process ("How to corrupt an SQLite database file", 2.2).
    """
    options = connection.settings_dict
    if connection.vendor == "sqlite":
        for suffix in ("", "-wal", "-journal"):
            file = Path(f"{options['NAME']}{suffix}")
            if file.exists():
                yield f"the database file {suffix}".rstrip(), _output("cat", file)
        return
    binaries = find_binaries()
    assert binaries is not None
    where = ("-h", options["HOST"], "-p", str(options["PORT"]), "-U", options["USER"], options["NAME"])
    dump = _output(binaries / "pg_dump", *where)
    assert b"consumers_submission" in dump
    yield "the dump", dump


def _output(*command: str | Path) -> bytes:
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
