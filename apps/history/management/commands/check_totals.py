"""Compares the totals of the figures with the submissions."""

from __future__ import annotations

import sys
from typing import Any

from django.db import connection

from apps.core.commands import NO_RESULT, CommandWithResult
from apps.core.connections import DATABASE_ERRORS, database_failure
from apps.history.totals.checking import checked_totals
from apps.history.totals.triggers import missing_triggers


class Command(CommandWithResult):
    help = (
        "Compares every total of the figures with the submissions of its period. Exit code: 0 equal,"
        " 1 different or without a trigger, 3 no result. Reads each submission a few times; the portal may"
        " run meanwhile."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            is_right = self._check()
        except DATABASE_ERRORS as error:
            self.stderr.write(f"{database_failure(error)}. Not every total was checked.")
            sys.exit(NO_RESULT)
        sys.exit(0 if is_right else 1)

    def _check(self) -> bool:
        """Whether all totals are equal and all triggers are there. Prints what is not."""
        missing = missing_triggers(connection)
        for name in missing:
            self.stdout.write(f"missing trigger: {name} (migrate creates it and deletes the totals)")
        checked = different = 0
        for period, is_equal in checked_totals():
            checked += 1
            if not is_equal:
                different += 1
                self.stdout.write(f"different: {period}")
        self.stdout.write(f"{checked} totals checked, {different} different")
        return not (missing or different)
