"""The page that asks which field each column of a batch goes to."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.batches import labels
from apps.batches.changing.shown import digest_of_rows
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
from apps.batches.storing.columns import choose_columns, columns_may_change
from apps.batches.storing.contents import ColumnsNotStored, TooManyPeople
from apps.batches.storing.stored_table import count_changed, table_of
from apps.batches.views.checked import check_stored
from apps.batches.views.return_address import answer_stale
from apps.batches.views.visible import find_own, may_choose_columns
from apps.consumers import selectors
from apps.consumers.views.visible import person_id
from apps.core.encryption import NotReadableError
from apps.core.forms.errors import form_errors
from apps.core.forms.input import single_value
from apps.core.web.failures import Effects, if_it_fails
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of


@if_it_fails(Effects(in_steps=True))
@requires(SEND_BATCHES, batch="batch_id")
@require_http_methods(["GET", "POST"])
def columns(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Ask for the columns of a batch, or store them and check its rows. Nothing is sent."""
    batch = find_own(request, batch_id)
    if columns_may_change(batch):
        return _change(request, batch)
    if not may_choose_columns(batch):
        if request.method == "POST":
            return _changed(request, batch)
        return HttpResponseRedirect(batch_url(batch))
    table, providers = without_own_columns(table_of(batch)), selectors.providers()
    person = person_id(request)
    proposal = propose(
        table, providers=providers, remembered=lambda headers: remembered_choice(person, headers)
    )
    asked = _Asked(batch, table, proposal, providers)
    if request.method != "POST":
        form = asked.form(initial=presenter.initial(proposal), questions=proposal.questions)
        return _page(request, asked, form, proposal.questions)
    return _store(request, asked)


def _change(request: HttpRequest, batch: Batch) -> HttpResponse:
    """Show the columns as they were chosen, or choose them again. What was changed in rows is lost then."""
    table, providers = without_own_columns(table_of(batch)), selectors.providers()
    current = replace(presenter.current_choice(batch), date_order="")
    proposal = replace(
        propose(
            table, providers=providers, remembered=lambda _headers: None, has_headers=current.has_headers
        ),
        questions=_date_questions(table, current, providers),
    )
    rows = [*batch.rows.order_by("number").only("number", "version")]
    asked = _Asked(
        batch, table, proposal, providers, shown=digest_of_rows(rows), changed=count_changed(batch)
    )
    if request.method != "POST":
        form = asked.form(initial=presenter.chosen(batch), questions=proposal.questions)
        return _page(request, asked, form, proposal.questions)
    if single_value(request.POST, "shown") != asked.shown:
        return answer_stale(request, batch)
    return _store(request, asked)


def _date_questions(table: Table, choice: Choice, providers: tuple[str, ...]) -> tuple[Question, ...]:
    """The question about the dates of the chosen columns; none if a provider was removed since."""
    try:
        return open_questions(table, choice, providers=providers)
    except ValueError:
        return ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the page asks about the columns of a batch.

    ``shown``: of a batch whose columns were chosen before, the digest of its rows; ``changed``: how many of
    them a person has changed since.
    """

    batch: Batch
    table: Table
    proposal: Proposal
    providers: tuple[str, ...]
    shown: str = ""
    changed: int = 0

    def form(
        self,
        data: Any = None,
        *,
        questions: Sequence[Question] = (),
        dates: Sequence[tuple[str, Any]] = (),
        **values: Any,
    ) -> ColumnsForm:
        """The form. ``dates``: the choices for the order of dates, if ``questions`` have none."""
        return ColumnsForm(
            data,
            targets=presenter.choices(self.providers),
            width=self.table.width,
            asked=[index for index in range(self.table.width) if self.proposal.asks_for(index)],
            date_choices=presenter.date_choices(questions) or dates,
            discards=bool(self.changed),
            **values,
        )


def _store(request: HttpRequest, asked: _Asked) -> HttpResponse:
    batch, proposal = asked.batch, asked.proposal
    dates = presenter.PLAIN_DATES if "date_order" in request.POST else []
    form = asked.form(request.POST, questions=proposal.questions, dates=dates)
    if not form.is_valid() and not form.lacks_only_agreement:
        return _page(request, asked, _asking(request, asked, proposal.questions), proposal.questions)
    choice = _choice(asked.table, form, request.POST.get(DATE_COLUMN, ""))
    questions = open_questions(asked.table, choice, providers=asked.providers)
    if questions:
        # The person chose another column for the date of birth than was proposed, or one field twice.
        form = _asking(request, asked, questions)
        for question in questions:
            if question.code is QuestionCode.REPEATED and question.column is not None:
                form.add_error(
                    column_field(question.column),
                    _("Another column goes to this field. Leave one of them out"),
                )
        return _page(request, asked, form, questions)
    if asked.shown and choice == presenter.current_choice(batch):
        messages.info(request, _("The columns are as before: nothing was changed."))
        return HttpResponseSeeOther(batch_url(batch))
    if form.lacks_only_agreement:
        questions = _date_questions(asked.table, replace(choice, date_order=""), asked.providers)
        return _page(request, asked, _asking(request, asked, questions), questions)
    try:
        batch = choose_columns(batch, choice, actor=actor_of(request), shown=asked.shown)
    except (ColumnsNotStored, NotReadableError, TooManyPeople) as refused:
        batch.refresh_from_db()
        return _not_stored(request, batch, refused, shown=asked.shown)
    except ValueError:
        form.add_error("has_headers", _("There is no row below the headers"))
        return _page(request, asked, form, ())
    check_stored(batch)
    return HttpResponseSeeOther(batch_url(batch))


def _asking(request: HttpRequest, asked: _Asked, questions: Sequence[Question]) -> ColumnsForm:
    """The posted form with these questions. An answer about the dates of another column is not repeated."""
    data = request.POST.copy()
    question = presenter.date_question(questions)
    if question is None or data.get(DATE_COLUMN) != str(question.column):
        data.pop("date_order", None)
    form = asked.form(data, questions=questions)
    form.is_valid()
    return form


def _choice(table: Table, form: ColumnsForm, asked_column: str) -> Choice:
    """What was chosen, with the order that the dates decide unless the person has said it.

    ``asked_column``: the index of the column whose dates the page has shown. An answer about them
    does not apply to another column.
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


def _not_stored(request: HttpRequest, batch: Batch, refused: Exception, *, shown: str) -> HttpResponse:
    """Say why nothing was stored. ``shown``: the digest of the rows as the page showed them, or empty."""
    if isinstance(refused, TooManyPeople):
        # The first row is a person: the file has to be divided.
        messages.error(request, labels.fault_text(refused))
        return HttpResponseSeeOther(reverse("batches:columns", args=[batch.public_id]))
    if isinstance(refused, NotReadableError):
        messages.warning(request, labels.NOT_READABLE)
        return HttpResponseSeeOther(batch_url(batch))
    if shown and batch.erased_at is None:
        return answer_stale(request, batch)  # the columns could be chosen again, but not for other rows
    return _changed(request, batch)


def _changed(request: HttpRequest, batch: Batch) -> HttpResponse:
    """Redirect to the batch, with a message why its columns cannot be chosen."""
    if batch.erased_at is not None:
        text = _("The personal data of this list were deleted. Nothing was done.")
    elif batch.is_discarded:
        text = _("The list was discarded. Nothing was done.")
    else:
        text = _("The columns of this list were chosen already. Nothing was done.")
    messages.warning(request, text)
    return HttpResponseSeeOther(batch_url(batch))


def _page(
    request: HttpRequest, asked: _Asked, form: ColumnsForm, questions: Sequence[Question]
) -> HttpResponse:
    batch, proposal = asked.batch, asked.proposal
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
        "shown": asked.shown,
        "changed": asked.changed,
        "batch_url": batch_url(batch),
    }
    return render(request, "batches/columns.html", context)
