"""Adds what is missing in the index of the access report."""

from __future__ import annotations

from typing import Any

from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.key_fingerprints import require_accepted_keys
from apps.privacy.index import complete_index


class Command(PortalCommand):
    help = (
        "Compares the index of the access report with the events of the log, adds the rows that are missing,"
        " and records how many there were. Rows that are there stay. The portal may run meanwhile."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        require_accepted_keys()
        done = complete_index(
            Actor.system("complete_access_index"),
            progress=lambda seq: self.stdout.write(f"checked up to event {seq}"),
        )
        self.stdout.write(
            f"{done.events} events checked; {done.keys} keys and {done.ranges} ranges were missing and added"
        )
        if done.beyond:
            self.stdout.write(
                f"{done.beyond} events showed more records than they name: a lost row of those cannot be made"
                " again, and a report by such a reference may miss these events"
            )
        if done.unreadable:
            self.stdout.write(f"{done.unreadable} events cannot be read: verify the audit log")
