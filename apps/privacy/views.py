"""The access report: who has seen a person's data. Asking for it is recorded, like everything it shows."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from apps.audit import person_limits
from apps.audit.permissions import REPORT_ACCESS
from apps.consumers import searches
from apps.consumers.models import DigestKind
from apps.core import clock
from apps.core.actor import Actor
from apps.core.export.responses import ZIP_CONTENT_TYPE, dated_name, download
from apps.core.forms.errors import form_errors
from apps.core.references import RecordKind
from apps.core.web import sealed_entries
from apps.core.web.filters import page_url, read_position, with_query
from apps.core.web.lasting_access import while_access_lasts
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of
from apps.privacy import file, presenters, services
from apps.privacy.forms import AskForm, ReportForm
from apps.privacy.report import NEWEST_BY, Counts, Report, ReportPage, beginning, counts_of
from apps.privacy.subjects import MOST, Subject, TooManySubmissions

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class _Found:
    """The report of an address, or why there is none.

    ``subject``: whom the address names; None without a report. ``report``: None also if the period has no
    event. ``refusal``: the reader has asked too often.
    """

    form: ReportForm
    subject: Subject | None = None
    report: Report | None = None
    too_many: bool = False
    refusal: str = ""


@requires(REPORT_ACCESS)
@require_http_methods(["GET", "POST"])
def access(request: HttpRequest) -> HttpResponse:
    """Ask by POST for the report of a person; show it by GET, newest event first.

    An address never contains a personal value, but the token of its recorded search.
    """
    if request.method == "POST":
        return _ask(request)
    position = read_position(request.GET, NEWEST_BY)
    found = _find(request, actor_of(request), is_counted=True)
    context: dict[str, Any] = {
        "ask": AskForm(typed=sealed_entries.unseal(request, path=request.path) or _days(request)),
        "entry_of": sealed_entries.author_token(request),
        "is_asked": not found.form.errors and found.form.is_asked,
    }
    if found.refusal:
        context |= {"is_asked": False, "refusal": found.refusal}
        return render(request, "privacy/access.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    if found.subject is None:
        context |= {"errors": form_errors(found.form), "too_many": found.too_many, "most": MOST}
        return render(request, "privacy/access.html", context)
    report = found.report
    page = report.page(size=PAGE_SIZE, position=position) if report else ReportPage([])
    counts = report.counts() if report else Counts()
    numbers = [line.event.seq for line in page.rows]
    services.record_report_viewed(
        found.form.question(),
        found.subject,
        numbers,
        counts=counts_of(line.verdict for line in page.rows),
        actor=actor_of(request),
    )
    context["page"] = _page_data(request, found.form, found.subject, page, counts, is_first=position is None)
    return render(request, "privacy/access.html", context)


def _page_data(
    request: HttpRequest,
    form: ReportForm,
    subject: Subject,
    page: ReportPage,
    counts: Counts | None,
    *,
    is_first: bool,
) -> presenters.AccessPage:
    asked, address = form.cleaned_data, request.GET
    return presenters.AccessPage(
        asked_by=form.kinds(),
        reference=asked["consumer"] or asked["guest"],
        since=asked["since"],
        until=asked["until"],
        submissions=presenters.submission_lines(subject),
        counts=counts,
        begins=beginning(),
        lines=[presenters.line_on_page(line, request.user.has_perm) for line in page.rows],
        cut="" if not page.is_cut else "newer" if page.is_newer else "older",
        is_behind_all=not is_first and not page.rows,
        first_url=with_query(request.path, address),
        file_url=with_query(reverse("privacy:access_file"), address),
        newer_url=page_url(request.path, address, page.newer),
        older_url=page_url(request.path, address, page.older),
    )


def _days(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET[name] for name in ("since", "until") if name in request.GET}


def _find(request: HttpRequest, actor: Actor, *, is_counted: bool) -> _Found:
    """The report that the address asks for. Records a question without an answer because of too many people.

    ``is_counted``: a reference counts as a search, as references could be tried one by one. The token of a
    search was counted when the search was recorded.
    """
    form = ReportForm(request.GET, person_id=str(request.user.pk))
    if not form.is_valid() or not form.is_asked:
        return _Found(form)
    is_counted = is_counted and form.cleaned_data["search"] is None
    if is_counted and not person_limits.allows(person_limits.Act.SEARCH, actor):
        return _Found(form, refusal=person_limits.refusal(person_limits.Act.SEARCH))
    try:
        subject = form.subject()
    except TooManySubmissions:
        services.record_too_many(form.question(), actor=actor)
        return _Found(form, too_many=True)
    span = form.span()
    return _Found(form, subject, Report(subject, span) if span else None)


def _ask(request: HttpRequest) -> HttpResponse:
    """Lead to the address of the report. A personal value is recorded first, encrypted."""
    form, status = AskForm(request.POST), HTTPStatus.OK
    if form.is_valid():
        actor, data = actor_of(request), form.cleaned_data
        days = {name: data[name].isoformat() if data[name] else "" for name in ("since", "until")}
        # A reference is counted where its address leads.
        if form.record_kind is None and not person_limits.allows(person_limits.Act.SEARCH, actor):
            form.add_error(None, person_limits.refusal(person_limits.Act.SEARCH))
            status = HTTPStatus.TOO_MANY_REQUESTS
        elif form.record_kind is not None:
            name = "consumer" if form.record_kind is RecordKind.CONSUMER else "guest"
            return HttpResponseSeeOther(with_query(request.path, {}, **{name: data["value"]}, **days))
        else:
            search = services.record_value(DigestKind(data["kind"]), data["value"], actor=actor)
            return HttpResponseSeeOther(with_query(request.path, {}, search=searches.seal(search), **days))
    context = {
        "ask": form,
        "errors": form_errors(form),
        "entry_of": sealed_entries.author_token(request),
    }
    return render(request, "privacy/access.html", context, status=status)


@requires(REPORT_ACCESS)
@require_POST
def access_file(request: HttpRequest) -> HttpResponseBase:
    """The report of the address as a file, with its events as they are stored."""
    actor = actor_of(request)
    found = _find(request, actor, is_counted=False)  # the limit of exports counts it
    if found.report is None:
        return HttpResponseSeeOther(with_query(reverse("privacy:access"), request.GET))
    if not person_limits.allows(person_limits.Act.EXPORT, actor):
        context = {
            "ask": AskForm(typed=_days(request)),
            "entry_of": sealed_entries.author_token(request),
            "refusal": person_limits.refusal(person_limits.Act.EXPORT),
        }
        return render(request, "privacy/access.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    made = file.AccessFile.of(found.report, by=", ".join(found.form.kinds()), made_by=actor)
    services.record_report_exported(
        found.form.question(), found.report.subject, made.sequences, counts=made.counts, actor=actor
    )
    return download(
        while_access_lasts(request, made.parts(), REPORT_ACCESS),
        file_name=dated_name("access-report", clock.now(), "zip"),
        content_type=ZIP_CONTENT_TYPE,
    )
