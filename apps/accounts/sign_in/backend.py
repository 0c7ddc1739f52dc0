"""Who is signed in: allauth's backend, which checks passwords, with a quicker read of the person."""

from __future__ import annotations

from allauth.account.auth_backends import AuthenticationBackend

from apps.accounts.models import User
from apps.core.prepared_queries import PreparedQuery

_PERSON: PreparedQuery[User] = PreparedQuery(lambda person: User.objects.filter(pk=person))


class PortalBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """allauth's backend. Every request reads the person of its session."""

    def get_user(self, user_id: int) -> User | None:
        """The person with this id; None if there is none, or if they are deactivated."""
        user = _PERSON.first(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None
