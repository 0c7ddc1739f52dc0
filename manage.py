#!/usr/bin/env python
"""Django's command line for the consumer portal."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415  (after the environment is set)

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
