"""Views for people and roles, for administrators, and the 403 page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts import services
from apps.accounts.forms import ChangedDetailsForm, NewPersonForm, PeopleFilterForm
from apps.accounts.models import User
from apps.accounts.permissions import MANAGE_PEOPLE
from apps.accounts.presenters import (
    REFUSAL_LABELS,
    link_row,
    links_ended,
    links_that_end,
    people_chips,
    person_page,
    person_rows,
    session_rows,
    sessions_ended,
)
from apps.accounts.roles import permissions_of
from apps.accounts.selectors import (
    Person,
    find_person,
    links_for_others,
    open_link_of,
    open_sessions,
    people_page,
)
from apps.audit import person_limits
from apps.core.forms.errors import form_errors
from apps.core.forms.input import single_value
from apps.core.open_work import OpenWork, open_work, stopped_work
from apps.core.web import sealed_entries
from apps.core.web.filters import with_query
from apps.core.web.permissions import PermissionMissing, requires
from apps.core.web.requests import actor_of, support_code

manages_people = requires(MANAGE_PEOPLE)


@require_GET
@manages_people
def people_list(request: HttpRequest) -> HttpResponse:
    """List the accounts that match the filters, fifty on a page."""
    values = {name: single_value(request.GET, name) for name in ("q", "role", "state", "page")}
    form = PeopleFilterForm({name: value for name, value in values.items() if value})
    errors = [] if form.is_valid() else form_errors(form)
    page_number = int(values["page"]) if re.fullmatch("[0-9]{1,6}", values["page"]) else 1
    page = people_page(form.to_filter(), page_number) if not errors else None
    filters = {name: values[name] for name in ("q", "role", "state") if values[name]}
    context: dict[str, Any] = {"form": form, "errors": errors, "page": page}
    if page is not None:
        pages = {"newer_url": page.number - 1, "older_url": page.number + 1}
        context |= {
            "people": person_rows(page.people),
            "chips": people_chips(request.path, filters),
            **{
                name: with_query(request.path, filters, page=str(number))
                for name, number in pages.items()
                if 1 <= number <= page.pages
            },
        }
    return render(request, "accounts/people.html", context)


@require_http_methods(["GET", "POST"])
@manages_people
def add_person(request: HttpRequest) -> HttpResponse:
    """Add a person, and redirect to their page, where a password link can be issued."""
    sealed = None if request.method == "POST" else sealed_entries.unseal(request)
    # Of several roles, only the last one is in a sealed entry. So all are asked for again.
    asks_roles = sealed is not None and sealed.pop("roles", None) is not None
    form = NewPersonForm(request.POST or None, initial=sealed)
    if form.is_valid():
        try:
            person_id = services.add_person(person=form.to_new_person(), actor=actor_of(request))
        except services.ActRefusedError as refused:
            form.add_error("username", REFUSAL_LABELS[refused.refusal])
        else:
            messages.success(
                request, _("The person was added. Issue a link, so that they can set a password.")
            )
            return redirect("accounts:person", person_id)
    context = {
        "form": form,
        "errors": form_errors(form),
        "entry_of": sealed_entries.author_token(request),
        "was_sealed": sealed is not None,
        "asks_roles": asks_roles,
    }
    return render(request, "accounts/add_person.html", context)


@require_http_methods(["GET", "POST"])
@manages_people
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    """Show one person; POST changes name and time zone. Other changes have their own URLs."""
    form, was_sealed = None, False
    if request.method == "POST":
        form = ChangedDetailsForm(request.POST)
        if form.is_valid() and _save(request, person_id, form):
            messages.success(request, _("The changes were saved"))
            return redirect("accounts:person", person_id)
    elif sealed := sealed_entries.unseal(request, path=request.path):
        form, was_sealed = ChangedDetailsForm(sealed), True
    return _show_person(request, person_id, form, was_sealed=was_sealed)


def _save(request: HttpRequest, person_id: int, form: ChangedDetailsForm) -> bool:
    """Save the details, or show in the form what somebody else has changed since it was opened."""
    try:
        services.change_person(
            person_id=person_id,
            details=form.to_details(),
            seen=form.changed_here(),
            actor=actor_of(request),
        )
    except services.ChangedMeanwhileError as changed:
        form.refuse(changed.stored)
        return False
    except User.DoesNotExist as missing:
        raise Http404 from missing
    return True


@require_POST
@manages_people
def grant_role(request: HttpRequest, person_id: int, role: str) -> HttpResponse:
    """Grant one role, and redirect to the person's page."""
    with _refusals_as_messages(request):
        services.grant_role(person_id=person_id, role=role, actor=actor_of(request))
    return redirect("accounts:person", person_id)


@require_POST
@manages_people
def revoke_role(request: HttpRequest, person_id: int, role: str) -> HttpResponse:
    """Revoke one role, and redirect to the person's page."""
    with _refusals_as_messages(request):
        _say_links_ended(
            request, services.revoke_role(person_id=person_id, role=role, actor=actor_of(request))
        )
    return redirect("accounts:person", person_id)


@require_http_methods(["GET", "POST"])
@manages_people
def deactivate(request: HttpRequest, person_id: int) -> HttpResponse:
    """Say what deactivating the person does; POST does it, which ends their access immediately."""
    if request.method == "GET":
        found = _found(person_id)
        if not found.is_active or found.id == request.user.pk:
            return redirect("accounts:person", person_id)
        link = open_link_of(person_id)
        context = {
            "person": person_page(found, viewer_id=request.user.pk or 0),
            "sessions": len(open_sessions(person_id)),
            "link": link and link_row(link),
            "links_issued": links_that_end(links_for_others(person_id)),
            "open_work": open_work(person_id),
        }
        return render(request, "accounts/deactivate.html", context)
    with _refusals_as_messages(request):
        _say_links_ended(request, services.deactivate_person(person_id=person_id, actor=actor_of(request)))
    return redirect("accounts:person", person_id)


@require_POST
@manages_people
def reactivate(request: HttpRequest, person_id: int) -> HttpResponse:
    """Let the person sign in again."""
    with _refusals_as_messages(request):
        services.reactivate_person(person_id=person_id, actor=actor_of(request))
    return redirect("accounts:person", person_id)


@require_POST
@manages_people
def unlock_sign_in(request: HttpRequest, person_id: int) -> HttpResponse:
    """Let the person sign in from any browser again."""
    with _refusals_as_messages(request):
        services.unlock_sign_in(person_id=person_id, actor=actor_of(request))
    return redirect("accounts:person", person_id)


@require_POST
@manages_people
def issue_password_link(request: HttpRequest, person_id: int) -> HttpResponse:
    """Create a one-time link, and redirect to the page that shows it to its issuer."""
    with _refusals_as_messages(request):
        services.issue_password_link(person_id=person_id, actor=actor_of(request))
        return redirect(with_query(reverse("accounts:password_links"), {}, person=str(person_id)))
    return redirect("accounts:person", person_id)


@require_POST
@manages_people
def sign_out_everywhere(request: HttpRequest, person_id: int) -> HttpResponse:
    """End the person's sessions. One's own are ended on one's own page, which keeps this session."""
    if person_id == request.user.pk:
        return redirect("own_profile")
    with _refusals_as_messages(request):
        ended = services.sign_out_everywhere(person_id=person_id, actor=actor_of(request))
        messages.success(request, sessions_ended(ended.sessions))
        _say_links_ended(request, ended.links)
    return redirect("accounts:person", person_id)


def _say_links_ended(request: HttpRequest, count: int) -> None:
    if count:
        messages.warning(request, links_ended(count))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The portal's 403 page (handler403). Records the denial, for signed-in and anonymous actors.

    Beyond the actor's limit the response is 429 and nothing is recorded.

    Permissions are recorded only from a ``PermissionMissing`` (:mod:`apps.core.web.permissions`). The text of
    any other exception could contain personal data and is ignored.
    """
    missing = exception.permissions if isinstance(exception, PermissionMissing) else ()
    view = request.resolver_match.view_name if request.resolver_match else ""
    if not person_limits.allows(person_limits.Act.DENIAL, actor_of(request)):
        return render(request, "errors/limited.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    services.record_denial(
        missing,
        method=request.method or "",
        view=view,
        submission=exception.submission if isinstance(exception, PermissionMissing) else "",
        batch=exception.batch if isinstance(exception, PermissionMissing) else "",
        actor=actor_of(request),
    )
    return render(request, "errors/403.html", {"support_code": support_code(request)}, status=403)


def _found(person_id: int) -> Person:
    found = find_person(person_id)
    if found is None:
        raise Http404
    return found


def _show_person(
    request: HttpRequest, person_id: int, form: ChangedDetailsForm | None = None, *, was_sealed: bool = False
) -> HttpResponse:
    found = _found(person_id)
    link = open_link_of(person_id)
    errors = form_errors(form) if form else []
    details = {"name": found.name, "email": found.email, "time_zone": found.time_zone}
    context = {
        "person": person_page(found, viewer_id=request.user.pk or 0, stops=_stopped_by_revoking(found)),
        "form": form or ChangedDetailsForm(initial=details),
        "errors": errors,
        "link": link and link_row(link),
        "links_issued": links_that_end(links_for_others(person_id)),
        "entry_of": sealed_entries.author_token(request),
        "was_sealed": was_sealed,
        "is_own_link": link is not None and link.issued_by == str(request.user.pk),
        "sessions": session_rows(open_sessions(person_id)),
    }
    return render(request, "accounts/person.html", context)


def _stopped_by_revoking(person: Person) -> dict[str, list[OpenWork]]:
    """By each role of the person, the open work that stops without it. A deactivated person has none."""
    if not person.is_active:
        return {}
    return {
        role: stopped_work(person.id, permissions_of(other for other in person.roles if other != role))
        for role in person.roles
    }


@contextmanager
def _refusals_as_messages(request: HttpRequest) -> Iterator[None]:
    """Show a service's refusal as a message on the next page; an unknown person or role is a 404."""
    try:
        yield
    except services.ActRefusedError as refused:
        messages.error(request, str(REFUSAL_LABELS[refused.refusal]))
    except (User.DoesNotExist, services.UnknownRoleError) as missing:
        raise Http404 from missing
