"""How django-allauth signs people in and out of this portal."""

from __future__ import annotations

from typing import Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from django.contrib.auth import authenticate
from django.db import transaction
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from apps.accounts import services, sessions, sign_in_limits
from apps.accounts.models import User
from apps.accounts.selectors import find_by_username
from apps.core.actor import Actor
from apps.core.requests import origin_of


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Nobody registers here; every sign-in, failure and sign-out is an event in the transaction of its fact.

    A wrong name, a wrong password and a deactivated account look the same from outside and cost the same
    work, one password hash and one look-up of the account.
    """

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("The user name or the password is not right"),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        return False  # one kind of answer: pages

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """The pages say themselves who is signed in; a banner would repeat it."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that the limits count by: the same that the events name."""
        return origin_of(request).client_address

    def is_safe_url(self, url: str | None) -> bool:
        """Whether to go there after the sign-in: addresses of this host only, whatever else is allowed."""
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The person with this name and password, or None; a failure is counted and recorded.

        Answers 429 where there were too many failures. To an unknown browser a blocked account is one with
        another password: the same work, the same words.
        """
        username = credentials["username"]
        account = find_by_username(username)
        attempt = sign_in_limits.begin(request, username, account)
        if attempt is None:
            self._refuse_limited(request, username, account)
        user = authenticate(request, **credentials)
        # allauth keeps a deactivated person aside, to lead them to a page that would tell so.
        deactivated = AuthenticationBackend.unstash_authenticated_user() is not None
        if user is None or attempt.blocked:
            attempt.failed()
            told = "blocked" if attempt.blocked else "deactivated" if deactivated else "wrong_password"
            _record_failure(request, account, told if account else "no_account")
            return None
        attempt.succeeded()
        return user

    def login(self, request: HttpRequest, user: User) -> None:
        with transaction.atomic():
            super().login(request, user)
            sessions.begin(request, user)

    def logout(self, request: HttpRequest) -> None:
        sessions.end(request, sessions.EndReason.BUTTON)

    def _refuse_limited(self, request: HttpRequest, username: str, account: User | None) -> NoReturn:
        if sign_in_limits.is_to_be_told(request, username):
            _record_failure(request, account, "limited")
        raise ImmediateHttpResponse(respond_429(request))


def _record_failure(request: HttpRequest, account: User | None, reason: str) -> None:
    """Record the account, if there is one; never the name that was typed, which may be a password."""
    services.note_failed_sign_in(
        person_id=account.pk if account else 0, reason=reason, actor=Actor.anonymous(origin_of(request))
    )
