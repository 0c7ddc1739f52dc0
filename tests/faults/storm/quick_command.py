"""A management command with the short margins of ``quick_worker``: ``quick_command NAME [ARGUMENT ...]``.

A stopped web process counts for three minutes as one that may still write. The storm has ended the former
processes before it changes a key, so a few seconds are enough.
"""

from __future__ import annotations

import sys

import django

from tests.faults.storm.quick_worker import REWRITE_AFTER

WEB_SILENT_SECONDS = 5


def main() -> None:
    """Run the command."""
    django.setup()
    from django.core.management import execute_from_command_line

    from apps.core import heartbeats
    from consumerportal import keys

    heartbeats.WEB_SILENT_SECONDS = WEB_SILENT_SECONDS
    keys.REWRITE_AFTER = REWRITE_AFTER
    execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
