"""The background worker with short margins, for storms that have to be over within seconds.

``manage.py worker`` waits half a minute before it gives a lost process up, and a minute for a lost worker's
look. A margin that is too short does no harm: an answer that comes after it still becomes the outcome.
"""

from __future__ import annotations

import datetime

import django

MARGIN = 2.0  # seconds
LEASE = datetime.timedelta(seconds=3)
FIRST_PAUSE = 1.0  # seconds


def main() -> None:
    """Run it until it is told to end."""
    django.setup()
    from django.core.management import call_command

    from apps.consumers.reconciliation import checks, circuit_breaker, resolution, schedule

    resolution.MARGIN = MARGIN
    checks.LEASE = LEASE
    circuit_breaker.FIRST_PAUSE = FIRST_PAUSE
    schedule.FIRST_RETRY = FIRST_PAUSE
    call_command("worker")


if __name__ == "__main__":
    main()
