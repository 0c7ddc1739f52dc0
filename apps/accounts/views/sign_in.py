"""Views for sign-in, sign-out, one-time links and a person's own account."""

from __future__ import annotations

import datetime
from functools import partial
from typing import Any

from allauth.account.views import LoginView, LogoutView
from allauth.core.ratelimit import respond_429
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.accounts import password_links, services
from apps.accounts.audit_events import SESSION_SIGNED_IN
from apps.accounts.forms import NewPasswordForm, OwnPasswordForm, SignInForm, TimeZoneForm
from apps.accounts.middleware import zone_of
from apps.accounts.models import User
from apps.accounts.presenters import (
    link_notices,
    links_ended,
    links_that_end,
    session_rows,
    sessions_ended,
    sign_in_rows,
)
from apps.accounts.selectors import (
    actor_for,
    find_account,
    links_for_others,
    links_to_announce,
    open_sessions,
)
from apps.accounts.sign_in import known_devices, sessions
from apps.audit.selectors import newest_about
from apps.core import clock
from apps.core.encryption import NotReadableError, decrypt_from_text, encrypt_as_text
from apps.core.forms.errors import form_errors
from apps.core.forms.input import single_value
from apps.core.limits import Limit, network_of
from apps.core.web.background import background
from apps.core.web.requests import actor_of, origin_of

# The same limits as allauth's defaults; allauth's own counting uses the machine's clock.
PASSWORD_LINK_POSTS = Limit("password_link", max_acts=20, seconds=60)
OWN_PASSWORD_POSTS = Limit("own_password", max_acts=5, seconds=60)
RECENT_SIGN_INS = 10  # on one's own page
TOKEN_IN_SESSION = "password_link_token"  # noqa: S105  # the name of a key
TOKEN_MOVED = "form"  # noqa: S105  # replaces the token in the URL


class SingleNextMixin:
    """Mixin for allauth's views: respond with 400 if ``next`` has two different values."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)  # type: ignore[misc]  # defined by the view class
        for values in (request.GET, request.POST):
            single_value(values, "next")


class SignInView(SingleNextMixin, LoginView):  # type: ignore[misc]  # allauth ships no types
    """Sign in with user name and password."""

    form_class = SignInForm

    def form_valid(self, form: SignInForm) -> HttpResponse:
        """Sign in, tell of links to set a password, and mark the browser as known."""
        try:
            response: HttpResponse = super().form_valid(form)
        except ValidationError as refused:
            form.add_error(None, refused)
            return self.form_invalid(form)  # type: ignore[no-any-return]  # allauth ships no types
        if isinstance(self.request.user, User):
            _announce_links(self.request, self.request.user)
            known_devices.remember(self.request, response, self.request.user)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "errors": form_errors(context["form"])}


class SignOutView(SingleNextMixin, LogoutView):  # type: ignore[misc]  # as above
    """Sign out, from the button in the header."""


sign_in = SignInView.as_view()
# An anonymous sign-out redirects to the sign-in page, without returning to the sign-out afterwards.
sign_out = login_not_required(SignOutView.as_view())


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def password_link(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Set a password with a one-time link.

    The first request moves the token from the URL into the session, so that no Referer header and no browser
    history contains it. Opening the page does not use the link up: a chat's link preview does no harm.
    """
    address = network_of(origin_of(request).client_address)
    if request.method == "POST" and PASSWORD_LINK_POSTS.acquire(address) is None:
        return respond_429(request)  # type: ignore[no-any-return]  # allauth ships no types
    moved = token == TOKEN_MOVED
    person = find_account(password_links.decode_person(uid))
    if moved:
        token = _stored_token(request, person) if person is not None else ""
        if not token:  # the same answer for an unknown id, which reveals nothing about accounts
            return render(request, "accounts/open_link_again.html", status=410)
    if person is None or not password_links.opens_account(person, token):
        return _link_used_up(request)
    if not moved:
        # Encrypted, so that the sessions table does not contain a usable link.
        request.session[TOKEN_IN_SESSION] = encrypt_as_text(token, TOKEN_IN_SESSION, str(person.pk))
        return redirect("password_link", uid, TOKEN_MOVED)
    form = NewPasswordForm(person, request.POST or None)
    if form.is_valid():
        try:
            services.set_password_by_link(
                person_id=person.pk,
                token=token,
                password=form.to_password(),
                actor=actor_for(person, origin_of(request)),
            )
        except services.ActRefusedError:
            return _link_used_up(request)
        del request.session[TOKEN_IN_SESSION]
        messages.success(request, _("Your password is set. Sign in with it."))
        person.refresh_from_db()
        return _remember_device(request, redirect("account_login"), person)
    context = {"form": form, "errors": form_errors(form), "username": person.username}
    return render(request, "accounts/set_password.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def own_password(request: HttpRequest) -> HttpResponse:
    """Change one's own password. This session continues; all other sessions of the person end."""
    user = _signed_in_user(request)
    if request.method == "POST" and OWN_PASSWORD_POSTS.acquire(str(user.pk)) is None:
        return respond_429(request)  # type: ignore[no-any-return]  # as above
    form = OwnPasswordForm(user, request.POST or None)
    if form.is_valid():
        services.set_password(
            person_id=user.pk,
            password=form.to_password(),
            actor=actor_of(request),
            keep_session=partial(sessions.keep, request),
        )
        user.refresh_from_db()
        messages.success(request, _("Your password was changed"))
        return _remember_device(request, redirect("own_profile"), user)
    context = {"form": form, "errors": form_errors(form)}
    return render(request, "accounts/own_password.html", context)


@require_http_methods(["GET", "POST"])
def own_profile(request: HttpRequest) -> HttpResponse:
    """Show one's own name and roles, and change the time zone."""
    user = _signed_in_user(request)
    form = TimeZoneForm(request.POST or None, initial={"time_zone": user.time_zone})
    if form.is_valid():
        services.choose_time_zone(person_id=user.pk, time_zone=form.to_time_zone(), actor=actor_of(request))
        messages.success(request, _("The changes were saved"))
        return redirect("own_profile")
    context = {
        "form": form,
        "errors": form_errors(form),
        "sessions": session_rows(open_sessions(user.pk), own=actor_of(request).session),
        "links_issued": links_that_end(links_for_others(user.pk)),
        "sign_ins": sign_in_rows(newest_about(str(user.pk), SESSION_SIGNED_IN.name, RECENT_SIGN_INS)),
    }
    return render(request, "accounts/own_profile.html", context)


@require_http_methods(["POST"])
def sign_out_elsewhere(request: HttpRequest) -> HttpResponse:
    """End all sessions of the person except this one."""
    user = _signed_in_user(request)
    ended = services.sign_out_everywhere(
        person_id=user.pk, actor=actor_of(request), keep_session=partial(sessions.keep, request)
    )
    user.refresh_from_db()
    messages.success(request, sessions_ended(ended.sessions))
    if ended.links:
        messages.warning(request, links_ended(ended.links))
    return _remember_device(request, redirect("own_profile"), user)


@background
@require_http_methods(["GET", "POST"])
def extend_session(request: HttpRequest) -> HttpResponse:
    """Restart the idle time by POST. Return as JSON the seconds left, and the time at which the session ends.

    Answers a script: it says that the session has ended, so that the sign-in page need not.
    """
    if request.method == "POST":
        sessions.renew(request, force=True)
    seconds = sessions.seconds_left(request)
    ends_at = timezone.localtime(clock.now() + datetime.timedelta(seconds=seconds))
    return JsonResponse({"seconds": seconds, "ends_at": date_format(ends_at, "H:i")})


def _announce_links(request: HttpRequest, user: User) -> None:
    with timezone.override(zone_of(request)):  # the request began without a person
        for notice in link_notices(links_to_announce(user), viewer_id=user.pk):
            messages.warning(request, notice)


def _remember_device(request: HttpRequest, response: HttpResponse, person: User) -> HttpResponse:
    known_devices.remember(request, response, person)
    return response


def _signed_in_user(request: HttpRequest) -> User:
    """The request's person; ``SignInFirstMiddleware`` has redirected anonymous requests."""
    assert isinstance(request.user, User)  # noqa: S101  # narrows the type
    return request.user


def _link_used_up(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/link_used_up.html", status=410)


def _stored_token(request: HttpRequest, person: User) -> str:
    """The person's token stored in the session. Empty if there is none, or if it cannot be read."""
    try:
        return decrypt_from_text(request.session.get(TOKEN_IN_SESSION, ""), TOKEN_IN_SESSION, str(person.pk))
    except NotReadableError:
        return ""
