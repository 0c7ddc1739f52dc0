"""Adapt django-allauth's sign-in and sign-out to this portal."""

from __future__ import annotations

from typing import Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.flows.login import clear_authentication_records
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from django.contrib.auth import authenticate
from django.db import transaction
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from apps.accounts import services
from apps.accounts.models import EndReason, User
from apps.accounts.selectors import find_by_username
from apps.accounts.sign_in import limits as sign_in_limits
from apps.accounts.sign_in import sessions
from apps.core.actor import Actor
from apps.core.web.requests import origin_of


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Sign-in without registration. Each sign-in, failure and sign-out is stored together with its event.

    A wrong name, a wrong password and a deactivated account get the same response after the same work: one
    password hash and one query for the account.
    """

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("The user name or the password is incorrect"),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        return False  # always answer with a page

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Add no message: each page already shows who is signed in."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client address that the limits count by, which is also the one in the events."""
        return origin_of(request).client_address

    def is_safe_url(self, url: str | None) -> bool:
        """Whether the redirect after sign-in may go to this URL: only to URLs of this host."""
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return the person with this name and password, or None; count and record a failure.

        Responds with 429 after too many failures. In an unknown browser, a blocked account gets the same
        response as a wrong password, after the same work.
        """
        username = credentials["username"]
        account = find_by_username(username)
        attempt = sign_in_limits.begin(request, username, account)
        if attempt is None:
            self._refuse_limited(request, username, account)
        user = authenticate(request, **credentials)
        # allauth stashes a deactivated person to redirect them to a page that reveals the deactivation.
        deactivated = AuthenticationBackend.unstash_authenticated_user() is not None
        if user is None or attempt.blocked:
            attempt.failed()
            reason = "blocked" if attempt.blocked else "deactivated" if deactivated else "wrong_password"
            _record_failure(request, account, reason if account else "no_account")
            return None
        attempt.succeeded()
        return user

    def login(self, request: HttpRequest, user: User) -> None:
        """Begin a session of the person.

        Raises ``ValidationError``, which the sign-in page shows like a wrong password, if they were
        deactivated or got a new password since the password was checked: the session would be over at once.
        """
        with transaction.atomic():
            stored = services.lock_person(user.pk)
            user.session_series = stored.session_series  # they may have been signed out everywhere before
            lost = stored.password != user.password
            if stored.is_active and not lost:
                super().login(request, user)
                sessions.begin(request, user)
                return
        clear_authentication_records(request)
        _record_failure(request, user, "wrong_password" if lost else "deactivated")
        raise self.validation_error("username_password_mismatch")

    def logout(self, request: HttpRequest) -> None:
        sessions.end(request, EndReason.BUTTON)

    def _refuse_limited(self, request: HttpRequest, username: str, account: User | None) -> NoReturn:
        if sign_in_limits.take_limit_event(request, username):
            _record_failure(request, account, "limited")
        raise ImmediateHttpResponse(respond_429(request))


def _record_failure(request: HttpRequest, account: User | None, reason: str) -> None:
    """Record the account, if it exists, but never the typed name: it may be a password."""
    services.record_failed_sign_in(
        person_id=account.pk if account else 0, reason=reason, actor=Actor.anonymous(origin_of(request))
    )
