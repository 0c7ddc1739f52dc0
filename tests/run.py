"""``make test``: the whole suite, on SQLite and on PostgreSQL, in a real browser.

On a machine without a browser or PostgreSQL the rest runs and one line says what was left out and how to
get it. In CI leaving out is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.browser import find_chromium
from tests.postgresql import find_binaries, temporary_server


def main() -> int:
    left_out: list[str] = []
    common = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    on_sqlite = list(common)
    if find_chromium() is None:
        on_sqlite += ["-m", "not e2e"]
        left_out.append("the browser tests (Debian: apt-get install chromium)")
    results = [_run("SQLite", on_sqlite, {})]
    binaries = find_binaries()
    if binaries is None:
        left_out.append("the run on PostgreSQL (Debian: apt-get install postgresql)")
    else:
        with temporary_server(binaries) as url:
            # A browser sees no difference between the databases; everything else runs on both.
            results.append(_run("PostgreSQL", [*common, "-m", "not e2e"], {"DATABASE_URL": url}))
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
