"""`manage.py sandbox`: run the stand-in of the vendor's API until it is interrupted."""

import os
import signal
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.sandbox.options import TLS_MODES, Options
from apps.sandbox.server import SandboxServer


class Command(BaseCommand):
    """Starts the sandbox from the SANDBOX_ variables and stops it cleanly on SIGINT and SIGTERM."""

    help = "Run the sandbox, the practice stand-in of the vendor's API."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Each option goes before the variable of the same name."""
        parser.add_argument("--host", help="loopback address to listen on (SANDBOX_HOST)")
        parser.add_argument("--port", type=int, help="port to listen on (SANDBOX_PORT)")
        parser.add_argument("--data", type=Path, help="file that keeps its data (SANDBOX_DATA)")
        parser.add_argument("--tls", choices=TLS_MODES[1:], help="certificate to show over TLS (SANDBOX_TLS)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal comes. Raises CommandError where it cannot start."""
        given = {name: options[name] for name in ("host", "port", "data", "tls") if options[name] is not None}
        try:
            chosen = replace(Options.from_environment(os.environ), **given)
            server = SandboxServer.from_options(chosen, report=self._say).start()
        except (ValueError, OSError, sqlite3.Error) as problem:
            raise CommandError(str(problem)) from problem
        interrupted = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_arguments: interrupted.set())
        self.stdout.write(
            _("Sandbox at %(address)s, data in %(data)s")
            % {
                "address": server.base_url,
                "data": chosen.data,
            }
        )
        if chosen.tls:
            self._say(
                _("Certificate: %(kind)s, to trust: %(file)s") % {"kind": chosen.tls, "file": server.ca_file}
            )
        interrupted.wait()
        server.stop()
        self._say(_("Sandbox stopped"))

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()  # a supervisor reads a pipe, which would keep lines back
