"""``make test-scripts``: the unit tests of the page's scripts, with Node's own runner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NODE = Path(sys.executable).with_name("node")


def main() -> int:
    """Run the tests and return the exit code."""
    files = sorted(map(str, Path(__file__).parent.glob("*.test.js")))
    # One process for all files, because starting another takes longer than the tests.
    options = ["--test", "--test-isolation=none", "--test-reporter=dot"]
    return subprocess.run([str(NODE), *options, *files], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
