"""Views of the identity rules."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.consumers import selectors
from apps.consumers.forms.identity_rules import REFUSALS, RuleForm
from apps.consumers.identity_rules import RuleRefused, add_rule, remove_rule
from apps.consumers.models import IdentityRule
from apps.consumers.permissions import CHANGE_IDENTITY_RULES
from apps.consumers.presenters.identity_rules import rule_rows
from apps.core.forms.errors import form_errors
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
    context = {"form": form, "rules": rule_rows(selectors.identity_rules()), "errors": form_errors(form)}
    return render(request, "consumers/identity_rules.html", context)


@requires(CHANGE_IDENTITY_RULES)
@require_http_methods(["POST"])
def remove_identity_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove one rule; the later rules move up."""
    remove_rule(get_object_or_404(IdentityRule, pk=pk), actor=actor_of(request))
    return HttpResponseSeeOther(reverse("consumers:identity_rules"))
