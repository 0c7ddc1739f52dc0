"""What has to be chosen about the columns of a list."""

from __future__ import annotations

import pytest

from apps.batches.forms.columns import LEFT_OUT, ColumnsForm, column_field

TARGETS = [("last_name", "Last name"), ("date_of_birth", "Date of birth"), (LEFT_OUT, "Leave out")]
ORDERS = [("day-month", "3 April"), ("month-day", "4 March")]


@pytest.mark.parametrize(("second", "is_required"), [("date_of_birth", True), (LEFT_OUT, False)])
def test_order_of_dates_has_to_be_chosen_only_if_a_column_goes_to_the_date_of_birth(
    second: str, is_required: bool
) -> None:
    chosen = {"has_headers": "yes", column_field(0): "last_name", column_field(1): second}
    form = ColumnsForm(chosen, targets=TARGETS, width=2, asked=(1,), date_choices=ORDERS)
    assert list(form.errors) == (["date_order"] if is_required else [])
