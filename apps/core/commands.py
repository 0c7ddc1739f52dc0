"""How the portal's commands end if they cannot do their work."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, SystemCheckError

from apps.core.connections import DATABASE_ERRORS, database_failure

NO_RESULT: Final = 3
"""Exit code of a :class:`CommandWithResult` that found nothing out."""


class PortalCommand(BaseCommand):
    """A command that ends with an error instead of a traceback if the database fails or nobody answers."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DATABASE_ERRORS as error:
            raise CommandError(database_failure(error)) from None
        except EOFError:
            raise CommandError("The input ended before all questions were answered") from None


class CommandWithResult(BaseCommand):
    """A command for monitoring. If a system check refuses the settings, the error is that of a refused start.

    Django would end the command with exit code 1, which is one of its results.
    """

    def check(self, *args: Any, **options: Any) -> None:
        try:
            super().check(*args, **options)
        except SystemCheckError as refused:
            raise ImproperlyConfigured(str(refused)) from None  # manage.py prints it
