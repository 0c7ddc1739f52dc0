"""Compares the totals of the figures with the submissions."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from apps.history.totals.checking import checked_totals
from apps.history.totals.triggers import missing_triggers


class Command(BaseCommand):
    help = (
        "Compares every total of the figures with the submissions of its period. Exit code: 0 equal,"
        " 1 different or without a trigger. Reads each submission a few times; the portal may run meanwhile."
    )

    def handle(self, *args: Any, **options: Any) -> None:
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
        sys.exit(1 if missing or different else 0)
