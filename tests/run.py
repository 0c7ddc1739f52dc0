"""``make test``: the whole suite, on SQLite and on PostgreSQL at the same time, and in a real browser.

On a machine without a browser or PostgreSQL the rest runs and one line says what was left out and how to
get it. In CI leaving out is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack

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
    with ExitStack() as stack:
        output = stack.enter_context(tempfile.TemporaryFile())
        beside: subprocess.Popen[bytes] | None = None
        if binaries is not None:
            environment = {**os.environ, "DATABASE_URL": stack.enter_context(temporary_server(binaries))}
            on_postgresql = [*suite, *ONLY_ONCE]
            beside = subprocess.Popen(on_postgresql, env=environment, stdout=output, stderr=output)
        print("--- The suite on SQLite", flush=True)
        failed = subprocess.run(on_sqlite, check=False).returncode
        if beside is not None:
            failed = beside.wait() or failed
            print("--- The suite on PostgreSQL", flush=True)
            output.seek(0)
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
    for what in left_out:
        print(f"Left out: {what}", flush=True)
    if left_out and os.environ.get("CI"):
        print("In CI nothing may be left out.", flush=True)
        return 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
