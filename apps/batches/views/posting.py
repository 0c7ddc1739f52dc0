"""Addresses that only take a POST."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.core.web.failures import Effects, if_it_fails

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def only_post(view: View[P]) -> View[P]:
    """Let a view answer POST only.

    GET and HEAD redirect to the batch: a browser opens such an address after an error or sign-in page.
    """

    @if_it_fails(Effects(in_steps=True))  # an act may check the rows after the change is stored
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseRedirect(reverse("batches:batch", args=[kwargs["batch_id"]]))
        return view(request, *args, **kwargs)

    return guarded
