"""How django-allauth signs people in and out of this portal."""

from __future__ import annotations

from typing import Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from apps.accounts import sessions
from apps.accounts.models import User
from apps.accounts.selectors import find_by_username
from apps.audit import actions
from apps.audit.events import Event
from apps.audit.services import record
from apps.core.actor import Actor
from apps.core.encryption import keyed_digest
from apps.core.requests import origin_of

LIMIT_TOLD_SECONDS = 5 * 60
"""That a guesser ran into the limit is told to the audit log once in this time, not with each try."""


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

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Answer 429 at once when the account or the address has failed too often."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            self._refuse_limited(request, credentials["username"])

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The person with this name and password, or None; a failure is counted and recorded."""
        self.pre_authenticate(request, **credentials)
        user = authenticate(request, **credentials)
        # allauth keeps a deactivated person aside, to lead them to a page that would tell so.
        deactivated = AuthenticationBackend.unstash_authenticated_user() is not None
        if user is None:
            _record_failure(request, credentials["username"], "deactivated" if deactivated else "")
            return None
        self._rollback_login_failed_rl_usage()
        return user

    def login(self, request: HttpRequest, user: User) -> None:
        with transaction.atomic():
            super().login(request, user)
            sessions.begin(request, user)

    def logout(self, request: HttpRequest) -> None:
        sessions.end(request, sessions.EndReason.BUTTON)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # allauth adds the host, which would give a guesser a new budget with each name of this machine.
        username: str = credentials["username"]
        return username.lower()

    def _refuse_limited(self, request: HttpRequest, username: str) -> NoReturn:
        # New for the address and for the account: neither many names nor many addresses fill the log.
        limited = (("address", self.get_client_ip(request)), ("account", username.lower()))
        keys = [f"sign-in-limit:{keyed_digest(kind, value)}" for kind, value in limited]
        if all(cache.add(key, True, LIMIT_TOLD_SECONDS) for key in keys):
            _record_failure(request, username, "limited")
        raise ImmediateHttpResponse(respond_429(request))


def _record_failure(request: HttpRequest, username: str, reason: str) -> None:
    """Record the account, if there is one; never the name that was typed, which may be a password."""
    user = find_by_username(username)
    if not reason:
        reason = "wrong_password" if user else "no_account"
    with transaction.atomic():
        record(
            Event(
                action=actions.SESSION_SIGN_IN_FAILED,
                actor=Actor.nobody(origin_of(request)),
                person=str(user.pk) if user else "",
                data={"reason": reason},
            )
        )
