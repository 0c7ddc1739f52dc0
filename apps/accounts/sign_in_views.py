"""Sign-in, sign-out, the one-time link, and what people change of their own account."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView, LogoutView
from allauth.core.ratelimit import respond_429
from cryptography.fernet import InvalidToken
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.accounts import known_devices, password_links, services, sessions
from apps.accounts.forms import NewPasswordForm, OwnPasswordForm, SignInForm, TimeZoneForm
from apps.accounts.models import User
from apps.accounts.selectors import actor_for, find_account
from apps.core.encryption import decrypt, encrypt
from apps.core.form_errors import form_errors
from apps.core.form_input import single_value
from apps.core.limits import Limit, network_of
from apps.core.requests import actor_of, origin_of

# allauth's defaults for these pages. Its own counting takes the clock of the machine.
PASSWORD_LINK_POSTS = Limit("password_link", most=20, seconds=60)
OWN_PASSWORD_POSTS = Limit("own_password", most=5, seconds=60)
TOKEN_IN_SESSION = "password_link_token"  # noqa: S105  # the name of a key
TOKEN_MOVED = "form"  # noqa: S105  # stands in the address where the token was


class OneWayOn:
    """A view of allauth's. Where it leads to is not guessed: two different addresses are a 400 page."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)  # type: ignore[misc]  # of the view that this is mixed into
        for values in (request.GET, request.POST):
            single_value(values, "next")


class SignInView(OneWayOn, LoginView):  # type: ignore[misc]  # allauth ships no types
    """User name and password."""

    form_class = SignInForm

    def form_valid(self, form: SignInForm) -> HttpResponse:
        """Sign in; the browser is known from now on."""
        response: HttpResponse = super().form_valid(form)
        if isinstance(self.request.user, User):
            known_devices.remember(self.request, response, self.request.user)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "errors": form_errors(context["form"])}


class SignOutView(OneWayOn, LogoutView):  # type: ignore[misc]  # as above
    """The button in the header."""


sign_in = SignInView.as_view()
# Nobody's sign-out leads to the sign-in page and not, after it, back to the sign-out.
sign_out = login_not_required(SignOutView.as_view())


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def password_link(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Set a password with a one-time link.

    The token moves from the address into the session at once, so that no Referer and no browser history
    carries it on. To look at the page uses nothing up: a chat that fetches a preview does no harm.
    """
    address = network_of(origin_of(request).client_address)
    if request.method == "POST" and PASSWORD_LINK_POSTS.take(address) is None:
        return respond_429(request)  # type: ignore[no-any-return]  # allauth ships no types
    moved = token == TOKEN_MOVED
    if moved:
        token = _kept_token(request)
    person = find_account(password_links.decode_person(uid))
    if person is None or not password_links.opens_account(person, token):
        return _link_used_up(request)
    if not moved:
        request.session[TOKEN_IN_SESSION] = encrypt(token)  # who reads the table of sessions gets no link
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
        return _known(request, redirect("account_login"), person)
    context = {"form": form, "errors": form_errors(form), "username": person.username}
    return render(request, "accounts/set_password.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def own_password(request: HttpRequest) -> HttpResponse:
    """Change one's own password. This session goes on; all others of the person end."""
    user = _signed_in(request)
    if request.method == "POST" and OWN_PASSWORD_POSTS.take(str(user.pk)) is None:
        return respond_429(request)  # type: ignore[no-any-return]  # as above
    form = OwnPasswordForm(user, request.POST or None)
    if form.is_valid():
        services.set_password(person_id=user.pk, password=form.to_password(), actor=actor_of(request))
        user.refresh_from_db()
        update_session_auth_hash(request, user)
        messages.success(request, _("Your password was changed"))
        return _known(request, redirect("own_profile"), user)
    context = {"form": form, "errors": form_errors(form)}
    return render(request, "accounts/own_password.html", context)


@require_http_methods(["GET", "POST"])
def own_profile(request: HttpRequest) -> HttpResponse:
    """One's own account: name and roles to read, the time zone to choose."""
    user = _signed_in(request)
    form = TimeZoneForm(request.POST or None, initial={"time_zone": user.time_zone})
    if form.is_valid():
        services.choose_time_zone(person_id=user.pk, time_zone=form.to_time_zone(), actor=actor_of(request))
        messages.success(request, _("The changes were saved"))
        return redirect("own_profile")
    return render(request, "accounts/own_profile.html", {"form": form, "errors": form_errors(form)})


@require_http_methods(["POST"])
def extend_session(request: HttpRequest) -> HttpResponse:
    """Go on: every request restarts the idle time, this one does nothing else. Answers the seconds left."""
    sessions.renew(request, at_once=True)
    return JsonResponse({"seconds": sessions.seconds_left(request)})


def _known(request: HttpRequest, response: HttpResponse, person: User) -> HttpResponse:
    known_devices.remember(request, response, person)
    return response


def _signed_in(request: HttpRequest) -> User:
    """The request's person; ``SignInFirstMiddleware`` lets nobody else come here."""
    assert isinstance(request.user, User)  # noqa: S101  # narrows the type
    return request.user


def _link_used_up(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/link_used_up.html", status=410)


def _kept_token(request: HttpRequest) -> str:
    """The token that waits in the session; empty where there is none, or its key was taken away."""
    try:
        return decrypt(request.session.get(TOKEN_IN_SESSION, ""))
    except InvalidToken:
        return ""
