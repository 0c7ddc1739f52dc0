"""Which field each column of a list goes to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.batches import labels
from apps.batches.columns.date_orders import order_of
from apps.batches.columns.matching import (
    Choice,
    Proposal,
    Question,
    QuestionCode,
    open_questions,
    propose,
    split,
)
from apps.batches.columns.own_columns import without_own_columns
from apps.batches.columns.remembering import remembered_choice
from apps.batches.forms.columns import DATE_COLUMN, ColumnsForm, column_field
from apps.batches.models import Batch
from apps.batches.permissions import SEND_BATCHES
from apps.batches.presenters import columns as presenter
from apps.batches.presenters.findings import finding_texts
from apps.batches.presenters.naming import batch_url, order_name
from apps.batches.reading.table import Table
from apps.batches.sending.storing import ColumnsNotStored, TooManyPeople, choose_columns, table_of
from apps.batches.views.checked import check_stored
from apps.batches.views.visible import find_own, may_choose_columns, person_id
from apps.consumers import selectors
from apps.core.encryption import NotReadableError
from apps.core.forms.errors import form_errors
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of


@requires(SEND_BATCHES)
@require_http_methods(["GET", "POST"])
def columns(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Ask for the columns of a list, or store them and check its rows. Nothing is sent."""
    batch = find_own(request, batch_id)
    if not may_choose_columns(batch):
        if request.method == "POST":
            return _changed(request, batch)
        return HttpResponseRedirect(batch_url(batch))
    table, providers = without_own_columns(table_of(batch)), selectors.providers()
    person = person_id(request)
    proposal = propose(
        table, providers=providers, remembered=lambda headers: remembered_choice(person, headers)
    )
    fixed: dict[str, Any] = {
        "targets": presenter.choices(providers),
        "width": table.width,
        "asked": [index for index in range(table.width) if proposal.asks_for(index)],
    }
    dates = presenter.date_choices(proposal.questions)
    if request.method != "POST":
        form = ColumnsForm(initial=presenter.initial(proposal), date_choices=dates, **fixed)
        return _page(request, batch, proposal, form, proposal.questions)
    dates = dates or (presenter.PLAIN_DATES if "date_order" in request.POST else [])
    form = ColumnsForm(request.POST, date_choices=dates, **fixed)
    if not form.is_valid():
        return _page(
            request, batch, proposal, _asking(request, proposal.questions, fixed), proposal.questions
        )
    choice = _choice(table, form, request.POST.get(DATE_COLUMN, ""))
    questions = open_questions(table, choice, providers=providers)
    if questions:
        # The person chose another column for the date of birth than was proposed, or one field twice.
        form = _asking(request, questions, fixed)
        for question in questions:
            if question.code is QuestionCode.REPEATED and question.column is not None:
                form.add_error(
                    column_field(question.column),
                    _("Another column goes to this field. Leave one of them out"),
                )
        return _page(request, batch, proposal, form, questions)
    try:
        batch = choose_columns(batch, choice, actor=actor_of(request))
    except (ColumnsNotStored, NotReadableError, TooManyPeople) as refused:
        batch.refresh_from_db()
        return _not_stored(request, batch, refused)
    except ValueError:
        form.add_error("has_headers", _("There is no row below the headers"))
        return _page(request, batch, proposal, form, ())
    check_stored(batch)
    return HttpResponseSeeOther(batch_url(batch))


def _asking(request: HttpRequest, questions: Sequence[Question], fixed: Mapping[str, Any]) -> ColumnsForm:
    """The posted form with these questions. An answer about the dates of another column is not repeated."""
    data = request.POST.copy()
    question = presenter.date_question(questions)
    if question is None or data.get(DATE_COLUMN) != str(question.column):
        data.pop("date_order", None)
    form = ColumnsForm(data, date_choices=presenter.date_choices(questions), **fixed)
    form.is_valid()
    return form


def _choice(table: Table, form: ColumnsForm, asked_column: str) -> Choice:
    """What was chosen, with the order that the dates decide unless the person has said it.

    ``asked_column``: the index of the column whose dates the page has shown. What was said about them holds
    for no other column.
    """
    has_headers, targets = form.has_headers_chosen, form.targets()
    if "date_of_birth" not in targets:
        return Choice(has_headers, targets)
    at = targets.index("date_of_birth")
    order = form.cleaned_data.get("date_order", "") if asked_column == str(at) else ""
    if not order:
        rows = split(table, has_headers=has_headers).rows
        order = order_of((row.number, row.cells[at]) for row in rows).order
    return Choice(has_headers, targets, order)


def _not_stored(request: HttpRequest, batch: Batch, refused: Exception) -> HttpResponse:
    if isinstance(refused, TooManyPeople):
        # The first row is a person: the file has to be divided.
        messages.error(request, labels.fault_text(refused))
        return HttpResponseSeeOther(reverse("batches:columns", args=[batch.public_id]))
    if isinstance(refused, NotReadableError):
        messages.warning(request, labels.NOT_READABLE)
        return HttpResponseSeeOther(batch_url(batch))
    return _changed(request, batch)


def _changed(request: HttpRequest, batch: Batch) -> HttpResponse:
    if batch.erased_at is None:
        text = _("The columns of this list were chosen already. Nothing was done.")
    else:
        text = _("The personal data of this list were deleted. Nothing was done.")
    messages.warning(request, text)
    return HttpResponseSeeOther(batch_url(batch))


def _page(
    request: HttpRequest, batch: Batch, proposal: Proposal, form: ColumnsForm, questions: Sequence[Question]
) -> HttpResponse:
    dates = presenter.date_question(questions)
    context = {
        "batch": batch,
        "order_name": order_name(batch),
        "findings": finding_texts(batch),
        "form": form,
        "errors": form_errors(form) if form.is_bound else [],
        "lines": presenter.column_lines(proposal, form),
        "asked": sum(map(proposal.asks_for, range(form.width))),
        "contradiction": presenter.contradiction(questions),
        "date_field": DATE_COLUMN,
        "date_column": dates.column if dates else None,
    }
    return render(request, "batches/columns.html", context)
