"""Prints the status of the portal, for monitoring."""

from __future__ import annotations

import sys
from typing import Any

from apps.core.commands import CommandWithResult
from apps.core.connections import DATABASE_ERRORS
from consumerportal import status


class Command(CommandWithResult):
    help = "Prints the status of the portal. Exit code: 0 OK, 1 warning, 2 critical, 3 settings refused."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lines = status.lines()
        except DATABASE_ERRORS as error:
            self.stdout.write(
                f"{status.Level.CRITICAL.name:10}Database: does not answer ({type(error).__name__})"
            )
            sys.exit(status.Level.CRITICAL)
        for line in lines:
            moment = f" {line.moment:%Y-%m-%dT%H:%M:%SZ}" if line.moment else ""
            self.stdout.write(f"{line.level.name:10}{line.label}: {line.text}{moment}")
        sys.exit(status.level(lines))
