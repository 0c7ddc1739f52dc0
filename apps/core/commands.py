"""Commands whose exit codes 1 and 2 are results."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, SystemCheckError

NO_RESULT: Final = 3
"""Exit code of a :class:`CommandWithResult` that found nothing out."""


class CommandWithResult(BaseCommand):
    """A command for monitoring. If a system check refuses the settings, the error is that of a refused start.

    Django would end the command with exit code 1, which is one of its results.
    """

    def check(self, *args: Any, **options: Any) -> None:
        try:
            super().check(*args, **options)
        except SystemCheckError as refused:
            raise ImproperlyConfigured(str(refused)) from None  # manage.py prints it
