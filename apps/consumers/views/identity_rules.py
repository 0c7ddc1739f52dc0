"""Views of the identity rules."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.consumers import selectors
from apps.consumers.forms.identity_rules import REFUSALS, RuleForm
from apps.consumers.identity_rules import (
    RuleRefused,
    add_rule,
    move_rule,
    remove_rule,
    restore_rule,
    version_of,
)
from apps.consumers.models import IdentityRule
from apps.consumers.permissions import CHANGE_IDENTITY_RULES
from apps.consumers.presenters.identity_rules import removed_rows, rule_rows
from apps.core.forms.errors import form_errors
from apps.core.forms.input import single_value
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of


@requires(CHANGE_IDENTITY_RULES)
@require_http_methods(["GET", "POST"])
def identity_rules(request: HttpRequest) -> HttpResponse:
    """List the rules in order of priority; POST adds one."""
    form = RuleForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            add_rule(**form.cleaned_data, actor=actor_of(request))
        except RuleRefused as refusal:
            form.add_error("provider", REFUSALS[refusal.code])
        else:
            return HttpResponseSeeOther(reverse("consumers:identity_rules"))
    rules = list(selectors.identity_rules())
    context = {
        "form": form,
        "rules": rule_rows(rules),
        "version": version_of(rules),
        "removed": removed_rows(selectors.removed_identity_rules()),
        "errors": form_errors(form),
    }
    return render(request, "consumers/identity_rules.html", context)


@requires(CHANGE_IDENTITY_RULES)
@require_http_methods(["POST"])
def move_identity_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Move one rule up or down by one position."""
    offset = {"up": -1, "down": 1}.get(single_value(request.POST, "direction"), 0)
    return _changed(
        request,
        lambda version: move_rule(pk, offset=offset, version=version, actor=actor_of(request)),
        _("%(name)s is now rule %(priority)s"),
        anchor=f"#rule-{pk}",
    )


@requires(CHANGE_IDENTITY_RULES)
@require_http_methods(["GET", "POST"])
def remove_identity_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to remove a rule; POST removes it, and the later rules move up."""
    if request.method == "POST":
        return _changed(
            request,
            lambda version: remove_rule(pk, version=version, actor=actor_of(request)),
            _("%(name)s was removed. You can restore it below."),
        )
    rules = list(selectors.identity_rules())
    rule = next((one for one in rule_rows(rules) if one.pk == pk), None)
    if rule is None:
        raise Http404
    context = {"rule": rule, "version": version_of(rules)}
    return render(request, "consumers/remove_identity_rule.html", context)


@requires(CHANGE_IDENTITY_RULES)
@require_http_methods(["POST"])
def restore_identity_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo a removal."""
    return _changed(
        request,
        lambda version: restore_rule(pk, version=version, actor=actor_of(request)),
        _("%(name)s was restored as rule %(priority)s"),
    )


def _changed(
    request: HttpRequest, change: Callable[[str], IdentityRule | None], message: str, *, anchor: str = ""
) -> HttpResponse:
    """Change the list that the page showed, and return to it with a message."""
    try:
        rule = change(single_value(request.POST, "version"))
    except RuleRefused as refusal:
        messages.error(request, str(REFUSALS[refusal.code]))
        anchor = ""
    else:
        if rule is not None:
            messages.success(request, message % {"name": rule.name, "priority": rule.priority})
    return HttpResponseSeeOther(reverse("consumers:identity_rules") + anchor)
