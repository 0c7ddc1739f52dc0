"""The state of the portal on standard output, for monitoring."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError

from consumerportal import status


class Command(BaseCommand):
    help = "Prints the state of the portal. Exit code: 0 in order, 1 needs attention, 2 problem."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lines = status.lines()
        except (DatabaseError, InterfaceError) as error:
            self.stdout.write(
                f"{status.Level.PROBLEM.name:10}Database: does not answer ({type(error).__name__})"
            )
            sys.exit(status.Level.PROBLEM)
        for line in lines:
            moment = f" {line.moment:%Y-%m-%dT%H:%M:%SZ}" if line.moment else ""
            self.stdout.write(f"{line.level.name:10}{line.label}: {line.words}{moment}")
        sys.exit(status.level(lines))
