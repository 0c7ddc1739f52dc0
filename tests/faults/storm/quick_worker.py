"""The background worker with short margins, for storms that have to end within seconds.

``manage.py worker`` waits half a minute before it gives up a lost send, and a minute for a check of a lost
worker. A short margin is safe: an answer that arrives later still becomes the outcome.
"""

from __future__ import annotations

import datetime

import django

MARGIN = 0.5  # seconds
ROUND = 0.2  # seconds
LEASE = datetime.timedelta(seconds=3)
FIRST_PAUSE = 1.0  # seconds
LONGEST_ASKED = 0.5  # seconds
REWRITE_AFTER = datetime.timedelta(
    seconds=15
)  # the key in use is read again after 5, a process stopped for 5
CHECK_INTERVAL = datetime.timedelta(seconds=0.5)

BATCH_PACE = {
    "FIRST_WAIT": 0.5, "AFTER_FAILURE": 0.1, "FIRST_SLOWER": 100, "SOON": 0.2, "LATER": 0.5
}  # fmt: skip


def main() -> None:
    """Run the worker until it is terminated."""
    django.setup()
    from django.core.management import call_command

    from apps.batches.sending import pace
    from apps.consumers.reconciliation import checks, circuit_breaker, resolution, schedule
    from consumerportal.management.commands import worker

    worker.ROUND_INTERVAL = ROUND
    vars(worker)["REWRITE_AFTER"] = REWRITE_AFTER
    checks.MIN_CHECK_INTERVAL = CHECK_INTERVAL
    resolution.MARGIN = MARGIN
    checks.LEASE = LEASE
    circuit_breaker.FIRST_PAUSE = FIRST_PAUSE
    circuit_breaker.LONGEST_ASKED = LONGEST_ASKED
    schedule.FIRST_RETRY = FIRST_PAUSE
    vars(pace).update(BATCH_PACE)
    call_command("worker")


if __name__ == "__main__":
    main()
