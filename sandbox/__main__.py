"""`python -m sandbox`: run the stand-in for the vendor's API until SIGINT or SIGTERM."""

import argparse
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sandbox.options import TLS_MODES, Options
from sandbox.server.sandbox_server import SandboxServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until a signal stops it. Returns the exit code: 0, or 1 if it cannot start."""
    given = {
        name: value for name, value in vars(_parser().parse_args(arguments)).items() if value is not None
    }
    try:
        options = replace(Options.from_environment(os.environ), **given)
        server = SandboxServer.from_options(options, report=_print_line).start()
    except (ValueError, OSError, sqlite3.Error) as error:
        print(f"python -m sandbox: {error}", file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # In another thread: this one may hold the lock of the event just then.
        signal.signal(number, lambda *_arguments: threading.Thread(target=stop.set, daemon=True).start())
    _print_line(f"Sandbox at {server.base_url}, data in {options.data}")
    if options.tls:
        _print_line(f"Certificate: {options.tls}, to trust: {server.ca_file}")
    stop.wait()
    server.stop()
    _print_line("Sandbox stopped")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Run the sandbox, the practice stand-in for the vendor's API. An option overrides its "
        "environment variable; docs/sandbox.md explains all variables.",
    )
    parser.add_argument("--host", help="loopback address to listen on (SANDBOX_HOST)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 for any free port (SANDBOX_PORT)")
    parser.add_argument("--data", type=Path, help="SQLite file for the data (SANDBOX_DATA)")
    parser.add_argument(
        "--tls", choices=TLS_MODES[1:], help="certificate to present over HTTPS (SANDBOX_TLS)"
    )
    return parser


def _print_line(line: str) -> None:
    print(line, flush=True)  # honcho reads a pipe, where lines would otherwise stay in the buffer


if __name__ == "__main__":
    sys.exit(main())
