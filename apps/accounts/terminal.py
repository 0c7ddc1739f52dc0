"""Questions that management commands ask in the terminal."""

from __future__ import annotations

import getpass

from django.core.management.base import CommandError

from apps.accounts.forms import NewPasswordForm
from apps.accounts.models import User


def ask_for_password(person: User) -> str:
    """Ask twice for a new password of this person, without echo.

    Raises ``CommandError`` if the answers differ or break a rule for passwords.
    """
    form = NewPasswordForm(
        person,
        {
            "new_password": getpass.getpass("Password: "),
            "new_password_again": getpass.getpass("Password again: "),
        },
    )
    if not form.is_valid():
        raise CommandError("\n".join(str(error) for errors in form.errors.values() for error in errors))
    return form.to_password()
