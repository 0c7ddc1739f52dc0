"""Only a contradiction shows that the answer to a create is about another record or person."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.cdp.errors import CdpAnotherRecord
from apps.cdp.masking import MASK
from apps.cdp.recognition import check_answer, may_be_a_relative

ORDER = "2d7de9df-45a2-45ea-872c-30e45139007d"
SENT = NewConsumer(
    "Zoë Marie", "Roe", emails=("zoe@example.com", "z@example.com"), passport_number="PZ4A9565"
)
OTHER = OrderConsumer(
    ref="c-1", first_name="John", last_name="Doe", emails=("john@example.com",), passport_number="XX1"
)
MASKED = f"a{MASK}b"


def code_of(sent: NewConsumer, answered: OrderConsumer) -> str:
    with pytest.raises(CdpAnotherRecord) as caught:
        check_answer(ORDER, sent, answered)
    return caught.value.code


def _named(first_name: str, last_name: str) -> OrderConsumer:
    return OrderConsumer(ref="c-1", first_name=first_name, last_name=last_name)


@pytest.mark.parametrize("spelling", [ORDER, ORDER.upper(), ORDER.replace("-", "")])
def test_reference_of_the_order_is_no_reference_of_a_consumer(spelling: str) -> None:
    assert code_of(SENT, OrderConsumer(ref=spelling, first_name="Zoë Marie", last_name="Roe")) == (
        "order_reference"
    )


@pytest.mark.parametrize(
    "answered",
    [
        OTHER,
        OrderConsumer(ref="c-1", first_name="John"),
        OrderConsumer(ref="c-1", emails=("john@example.com",)),
        OrderConsumer(ref="c-1", passport_number="XX1"),
        OrderConsumer(ref="c-1", first_name="John", emails=(MASKED,)),
    ],
)
def test_person_differs_in_everything_that_both_sides_have(answered: OrderConsumer) -> None:
    assert code_of(SENT, answered) == "another_person"


@pytest.mark.parametrize(
    "same",
    [
        {"first_name": "MARIE"},
        {"first_name": "Ann", "last_name": "ROE"},
        {"last_name": "Zoe"},  # the vendor may move a word and drop an accent
        {"emails": ("new@example.com", "Z@EXAMPLE.COM")},
        {"passport_number": "pz4a9565"},
    ],
)
def test_one_equal_value_is_no_contradiction(same: dict[str, Any]) -> None:
    check_answer(ORDER, SENT, dataclasses.replace(OTHER, **same))


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (("Jan", "van Dijk"), ("Piet", "VAN Berg")),
        (("María", "de la Cruz"), ("Ana", "de la Fuente")),
        (("João", "dos Santos"), ("Ana", "dos Reis")),
        (("J", "Roe"), ("J.", "Doe")),
        (("É.", "Roe"), ("É.", "Doe")),
    ],
)
def test_particles_and_initials_that_two_names_share_do_not_make_them_equal(
    sent: tuple[str, str], answered: tuple[str, str]
) -> None:
    assert code_of(NewConsumer(*sent), _named(*answered)) == "another_person"


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (("Van", "Le"), ("Van Anh", "Le")),  # names of their own in Vietnamese
        (("Van Anh", "Le"), ("V.", "Le")),
        (("Al", "E"), ("Al", "Eason")),
        (("J", "de"), ("J", "")),
        (("小明", "李"), ("明", "李")),
        (("Jan", "van Dijk"), ("Jan", "Dijk")),
    ],
)
def test_particles_and_initials_count_if_a_name_has_nothing_else(
    sent: tuple[str, str], answered: tuple[str, str]
) -> None:
    check_answer(ORDER, NewConsumer(*sent), _named(*answered))


def test_values_of_one_side_only_are_no_contradiction() -> None:
    check_answer(ORDER, SENT, OrderConsumer(ref="c-1"))
    check_answer(ORDER, NewConsumer("", ""), OTHER)
    check_answer(ORDER, SENT, OrderConsumer(ref="c-1", first_name=MASKED, passport_number=MASKED))


def test_relative_has_other_addresses_and_another_passport() -> None:
    assert may_be_a_relative(SENT, OTHER)


@pytest.mark.parametrize(
    ("sent", "changed"),
    [
        (SENT, {"emails": ("other@example.com", "Zoe@example.com")}),
        (SENT, {"passport_number": "pz4a9565"}),
        (SENT, {"emails": ()}),
        (SENT, {"passport_number": ""}),
        (SENT, {"emails": (MASKED,)}),
        (SENT, {"passport_number": MASKED}),
        (NewConsumer("Zoë", "Roe", passport_number="PZ4A9565"), {}),
        (NewConsumer("Zoë", "Roe", emails=("zoe@example.com",)), {}),
    ],
)
def test_person_without_two_contradictions_is_no_relative(sent: NewConsumer, changed: dict[str, Any]) -> None:
    assert not may_be_a_relative(sent, dataclasses.replace(OTHER, **changed))
