#!/usr/bin/env python
"""Django's command line for the consumer portal."""

import os
import sys

NOT_CONFIGURED = 3
"""Exit code if the settings are refused. 1 and 2 are results of some commands, such as status."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415  (after the environment is set)
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as refused:
        sys.stderr.write(f"{refused}\n")  # the message alone, without a traceback
        sys.exit(NOT_CONFIGURED)


if __name__ == "__main__":
    main()
