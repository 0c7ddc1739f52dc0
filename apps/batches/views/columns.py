"""The page that asks which field each column of a batch goes to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
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
from apps.batches.views.visible import find_own, may_choose_columns
from apps.consumers import selectors
from apps.consumers.views.visible import person_id
from apps.core.encryption import NotReadableError
from apps.core.forms.errors import form_errors
from apps.core.forms.input import single_value
from apps.core.web import sealed_entries
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
    sealed = None if request.method == "POST" else sealed_entries.unseal(request)
    asked = _ask(request, batch)
    if asked is None:
        if request.method == "POST" or sealed is not None:
            return _changed(request, batch)
        return HttpResponseRedirect(batch_url(batch))
    if request.method == "POST":
        return _store(request, asked)
    if sealed is not None:
        return _again(request, asked, sealed, was_sealed=True)
    form = asked.form(initial=asked.initial, questions=asked.proposal.questions)
    return _page(request, asked, form, asked.proposal.questions)


def _ask(request: HttpRequest, batch: Batch) -> _Asked | None:
    """What is asked about the columns of a batch; None if they cannot be chosen any more."""
    if columns_may_change(batch):
        return _ask_again(batch)
    if not may_choose_columns(batch):
        return None
    table, providers = without_own_columns(table_of(batch)), selectors.providers()
    person = person_id(request)
    proposal = propose(
        table, providers=providers, remembered=lambda headers: remembered_choice(person, headers)
    )
    return _Asked(batch, table, proposal, providers, presenter.initial(proposal))


def _ask_again(batch: Batch) -> _Asked:
    """The columns as they were chosen. What was changed in rows is lost if they are chosen otherwise."""
    table, providers = without_own_columns(table_of(batch)), selectors.providers()
    current = replace(presenter.current_choice(batch), date_order="")
    proposal = replace(
        propose(
            table, providers=providers, remembered=lambda _headers: None, has_headers=current.has_headers
        ),
        questions=_date_questions(table, current, providers),
    )
    shown = digest_of_rows([*batch.rows.order_by("number").only("number", "version")])
    return _Asked(
        batch, table, proposal, providers, presenter.chosen(batch), shown=shown, changed=count_changed(batch)
    )


def _date_questions(table: Table, choice: Choice, providers: tuple[str, ...]) -> tuple[Question, ...]:
    """The question about the dates of the chosen columns; none if a provider was removed since."""
    try:
        return open_questions(table, choice, providers=providers)
    except ValueError:
        return ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the page asks about the columns of a batch.

    ``initial``: the values of the form, as proposed or as they were chosen before. ``shown``: of a batch
    whose columns were chosen before, the digest of its rows; ``changed``: how many of them a person has
    changed since.
    """

    batch: Batch
    table: Table
    proposal: Proposal
    providers: tuple[str, ...]
    initial: dict[str, str]
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
    """Store the posted choice and redirect to the batch, or show the form again with what is wrong."""
    posted = request.POST
    form = _read(asked, posted)
    choice = _choice(asked, form, posted)
    if asked.shown and choice == presenter.current_choice(asked.batch):
        messages.info(request, _("The columns are as before: nothing was changed."))
        return HttpResponseSeeOther(batch_url(asked.batch))
    if single_value(posted, "shown") != asked.shown:
        return _stale(request, asked, posted)
    # Open if the person chose another column for the date of birth than was proposed, or one field twice.
    questions = open_questions(asked.table, choice, providers=asked.providers) if choice else ()
    if choice is None or questions or form.lacks_only_agreement:
        text = _("Another column goes to this field. Leave one of them out")
        repeated = [one.column for one in questions if one.code is QuestionCode.REPEATED]
        errors = {column_field(at): text for at in repeated if at is not None}
        return _again(request, asked, posted, errors=errors)
    return _choose(request, asked, choice)


def _choose(request: HttpRequest, asked: _Asked, choice: Choice) -> HttpResponse:
    """Store the choice, check the rows and redirect to the batch, or show the form again with the reason."""
    batch, posted = asked.batch, request.POST
    try:
        batch = choose_columns(batch, choice, actor=actor_of(request), shown=asked.shown)
    except ColumnsNotStored:  # another window has changed the batch meanwhile
        batch.refresh_from_db()
        current = _ask(request, batch)
        return _changed(request, batch) if current is None else _stale(request, current, posted)
    except NotReadableError:
        messages.warning(request, labels.NOT_READABLE)
        return _again(request, asked, posted)
    except TooManyPeople as refused:  # the first row is a person: the file has to be divided
        return _again(request, asked, posted, errors={"has_headers": labels.fault_text(refused)})
    except ValueError:
        text = _("There is no row below the headers")
        return _again(request, asked, posted, errors={"has_headers": text})
    check_stored(batch)
    return HttpResponseSeeOther(batch_url(batch))


def _stale(request: HttpRequest, asked: _Asked, posted: QueryDict) -> HttpResponse:
    """The form again, because the rows are not those that the page showed."""
    text = _("The list had changed meanwhile. Nothing was done. What you chose is below.")
    messages.warning(request, text)
    return _again(request, asked, posted, status=HTTPStatus.CONFLICT)


def _again(
    request: HttpRequest,
    asked: _Asked,
    sent: QueryDict | dict[str, str],
    *,
    errors: Mapping[str, str] | None = None,
    was_sealed: bool = False,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    """The page with the form as it was sent.

    An answer about the dates of another column is not repeated, nor the agreement that changes of other
    rows are discarded.
    """
    values, questions = sent.copy(), _questions(asked, sent)
    dates = presenter.date_question(questions)
    if dates is None or values.get(DATE_COLUMN) != str(dates.column):
        values.pop("date_order", None)
    if values.get("shown", "") != asked.shown:
        values.pop("discard", None)
    form = asked.form(values, questions=questions)
    form.is_valid()
    for name, text in (errors or {}).items():
        form.add_error(name, text)
    return _page(request, asked, form, questions, was_sealed=was_sealed, status=status)


def _questions(asked: _Asked, sent: QueryDict | dict[str, str]) -> Sequence[Question]:
    """What is asked about the columns as they were chosen; as they were proposed if no choice can be read."""
    choice = _choice(asked, _read(asked, sent), sent)
    if choice is None:
        return asked.proposal.questions
    questions = _date_questions(asked.table, choice, asked.providers)
    if presenter.date_question(questions) is not None:
        return questions
    return _date_questions(asked.table, replace(choice, date_order=""), asked.providers)


def _read(asked: _Asked, sent: QueryDict | dict[str, str]) -> ColumnsForm:
    """The form with what was sent, whichever dates the page has asked about."""
    dates = presenter.PLAIN_DATES if "date_order" in sent else []
    return asked.form(sent, questions=asked.proposal.questions, dates=dates)


def _choice(asked: _Asked, form: ColumnsForm, sent: QueryDict | dict[str, str]) -> Choice | None:
    """What was chosen, with the order that the dates decide unless the person has said it.

    None if it cannot be read. An answer about the dates that the page has shown does not apply to another
    column.
    """
    if not form.is_valid() and not form.lacks_only_agreement:
        return None
    has_headers, targets = form.has_headers_chosen, form.targets()
    if "date_of_birth" not in targets:
        return Choice(has_headers, targets)
    at = targets.index("date_of_birth")
    order = form.cleaned_data.get("date_order", "") if sent.get(DATE_COLUMN) == str(at) else ""
    if not order:
        rows = split(asked.table, has_headers=has_headers).rows
        order = order_of((row.number, row.cells[at]) for row in rows).order
    return Choice(has_headers, targets, order)


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
    request: HttpRequest,
    asked: _Asked,
    form: ColumnsForm,
    questions: Sequence[Question],
    *,
    was_sealed: bool = False,
    status: HTTPStatus = HTTPStatus.OK,
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
        "was_sealed": was_sealed,
        "entry_of": sealed_entries.author_token(request),
    }
    return render(request, "batches/columns.html", context, status=status)
