"""The people of practice mode. Their passwords are public: production does not start if they can sign in."""

from __future__ import annotations

from typing import NamedTuple

from apps.accounts.models import User
from apps.accounts.roles import ADMINISTRATOR, AUDITOR, STAFF, SUPERVISOR


class PracticePerson(NamedTuple):
    """A person of practice mode with one role."""

    username: str
    name: str
    role: str

    @property
    def password(self) -> str:
        """The password, which is published in the README."""
        return f"practice-{self.username}-2026"


PRACTICE_PEOPLE = (
    PracticePerson("sam", "Sam Staff", STAFF),
    PracticePerson("sue", "Sue Supervisor", SUPERVISOR),
    PracticePerson("ari", "Ari Auditor", AUDITOR),
    PracticePerson("ada", "Ada Administrator", ADMINISTRATOR),
)


def has_practice_people() -> bool:
    """Whether a practice password allows a sign-in. Computes one password hash per practice person."""
    passwords = {person.username: person.password for person in PRACTICE_PEOPLE}
    users = User.objects.filter(username__in=passwords, is_active=True)
    return any(user.check_password(passwords[user.username]) for user in users)
