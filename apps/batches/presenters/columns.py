"""The page that asks for the columns of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.forms.boundfield import BoundField
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.batches.columns.date_orders import DAY_MONTH, MONTH_DAY, read_in_order, read_short_year
from apps.batches.columns.matching import Choice, Proposal, Question, QuestionCode
from apps.batches.forms.columns import LEFT_OUT, ColumnsForm, column_field
from apps.batches.labels import target_choices, target_label
from apps.batches.models import Batch

_MAX_ROWS = 5  # row numbers in a sentence
PLAIN_DATES: Final[list[tuple[str, str | Promise]]] = [
    (DAY_MONTH, _("Day first")),
    (MONTH_DAY, _("Month first")),
]
"""Both orders of dates without examples, for a form that was shown with them."""
_DATES = (QuestionCode.DATE_ORDER, QuestionCode.DATES_CONTRADICT)


@dataclass(frozen=True, slots=True)
class ColumnLine:
    """One column: its header, up to three different values, its select, and whether it has to be decided."""

    number: int
    header: str
    examples: tuple[str, ...]
    field: BoundField
    is_asked: bool


def choices(providers: tuple[str, ...]) -> list[tuple[str, str]]:
    """The fields that a column can go to, as the form posts them."""
    return [(target or LEFT_OUT, label) for target, label in target_choices(providers)]


def column_lines(proposal: Proposal, form: ColumnsForm) -> tuple[ColumnLine, ...]:
    """The columns in the order of the table."""
    return tuple(
        ColumnLine(
            number=index + 1,
            header=proposal.headers[index] if index < len(proposal.headers) else "",
            examples=proposal.examples[index] if index < len(proposal.examples) else (),
            field=form[column_field(index)],
            is_asked=proposal.asks_for(index),
        )
        for index in range(form.width)
    )


def initial(proposal: Proposal) -> dict[str, str]:
    """The form's values as proposed. What has to be asked has none."""
    asks_headers = any(question.code is QuestionCode.HEADERS for question in proposal.questions)
    values = {} if asks_headers else {"has_headers": "yes" if proposal.has_headers else "no"}
    for index, target in enumerate(proposal.targets):
        values[column_field(index)] = target or ("" if proposal.asks_for(index) else LEFT_OUT)
    if proposal.date_order:
        values["date_order"] = proposal.date_order
    return values


def current_choice(batch: Batch) -> Choice:
    """What was chosen for this batch."""
    return Choice(batch.header_row is not None, tuple(map(str, batch.targets)), batch.date_order)


def chosen(batch: Batch) -> dict[str, str]:
    """The form's values as they were chosen for this batch."""
    choice = current_choice(batch)
    values = {"has_headers": "yes" if choice.has_headers else "no"}
    values |= {column_field(at): target or LEFT_OUT for at, target in enumerate(choice.targets)}
    return values | ({"date_order": choice.date_order} if choice.date_order else {})


def choice_text(batch: Batch) -> str:
    """The fields of the columns of a batch that are sent, each once, in the order of the columns."""
    counts = Counter(target_label(target) for target in batch.targets if target)
    several = gettext("%(field)s (%(count)s columns)")
    return ", ".join(
        several % {"field": field, "count": count} if count > 1 else field for field, count in counts.items()
    )


def date_question(questions: Iterable[Question]) -> Question | None:
    """The question about the order of the dates, which is about one column."""
    return next((one for one in questions if one.code in _DATES), None)


def date_choices(questions: Iterable[Question]) -> list[tuple[str, str | Promise]]:
    """Both readings with examples; none if the order of the dates is not asked."""
    question = date_question(questions)
    if question is None:
        return []
    return [(order, f"{label}: {_readings(question, order)}") for order, label in PLAIN_DATES]


def _readings(question: Question, order: str) -> str:
    return ", ".join(_reading(text, order) for text in question.examples)


def _reading(text: str, order: str) -> str:
    """What the text means in this order; day and month only if its year has two digits."""
    if date := read_in_order(text, order):
        shown = date_format(date, "j F Y")
    elif date := read_short_year(text, order):
        shown = date_format(date, "j F")
    else:
        return gettext("%(text)s is no date") % {"text": text}
    return gettext("%(text)s is %(date)s") % {"text": text, "date": shown}


def contradiction(questions: Iterable[Question]) -> str:
    """The sentence if some dates are day first and others month first; empty otherwise."""
    question = next((one for one in questions if one.code is QuestionCode.DATES_CONTRADICT), None)
    if question is None:
        return ""
    numbers = ", ".join(map(str, question.rows[:_MAX_ROWS]))
    more = "…" if len(question.rows) > _MAX_ROWS else ""
    text = ngettext(
        "Row %(rows)s is written in another order than the others. It has to be corrected afterwards.",
        "Rows %(rows)s are written in another order than the others. They have to be corrected afterwards.",
        len(question.rows),
    )
    return text % {"rows": f"{numbers}{more}"}
