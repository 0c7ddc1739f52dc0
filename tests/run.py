"""``make test``: the whole suite, on SQLite and in a real browser, then on PostgreSQL.

One after the other: many tests hold a time limit against a fault, and two suites on two cores would bend it.

On a machine without a browser or PostgreSQL the rest runs and one line says what was left out and how to
get it. In CI leaving out is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.browser import find_chromium
from tests.postgresql import find_binaries, temporary_server

# A browser sees no difference between the databases, and these know none.
ONLY_ONCE = [
    "--ignore=tests/e2e",
    "--ignore=tests/contract",
    "--ignore=tests/unit/cdp",
    "--ignore=tests/unit/sandbox",
]


def main() -> int:
    left_out: list[str] = []
    suite = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    on_sqlite = list(suite)
    if find_chromium() is None:
        on_sqlite += ["-m", "not e2e"]
        left_out.append("the browser tests (Debian: apt-get install chromium)")
    binaries = find_binaries()
    if binaries is None:
        left_out.append("the run on PostgreSQL (Debian: apt-get install postgresql)")
    results = [_run("SQLite", on_sqlite, {})]
    if binaries is not None:
        with temporary_server(binaries) as url:
            results.append(_run("PostgreSQL", [*suite, *ONLY_ONCE], {"DATABASE_URL": url}))
    for what in left_out:
        print(f"Left out: {what}", flush=True)
    if left_out and os.environ.get("CI"):
        print("In CI nothing may be left out.", flush=True)
        return 1
    return max(results)


def _run(database: str, command: list[str], environment: dict[str, str]) -> int:
    print(f"--- The suite on {database}", flush=True)
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
