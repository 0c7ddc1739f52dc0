"""The background worker with short margins, for storms that have to end within seconds.

``manage.py worker`` waits half a minute before it gives up a lost send, and a minute for a check of a lost
worker. A short margin is safe: an answer that arrives later still becomes the outcome.
"""

from __future__ import annotations

import datetime

import django

MARGIN = 2.0  # seconds
LEASE = datetime.timedelta(seconds=3)
FIRST_PAUSE = 1.0  # seconds


def main() -> None:
    """Run the worker until it is terminated."""
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
