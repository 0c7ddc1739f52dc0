"""Orders and guests."""

from __future__ import annotations

from playwright.sync_api import Page

from sandbox.data.seed import GROUP_ORDER
from sandbox.data.seed_guests import GUEST_WITH_PROFILE, SHARED_EMAIL
from tests.e2e.every_page.seen import Seen, after, at
from tests.e2e.world import World


def _guests_found(page: Page, world: World) -> None:
    page.goto("/guests/")
    page.get_by_label("Email address").fill(SHARED_EMAIL)
    with page.expect_navigation():
        page.get_by_role("button", name="Find guest").click()


PAGES = [
    at("orders:orders", "staff", "/orders/"),
    after("orders:orders", "staff", "/orders/", "Find order", "with errors"),
    at("orders:orders", "staff", "/orders/?order_number=HTL-204417", "with two hits"),
    at("orders:orders", "staff", "/orders/?order_number=NONE", "without a hit"),
    at("orders:guests", "staff", "/guests/"),
    after("orders:guests", "staff", "/guests/", "Find guest", "with errors"),
    Seen("orders:guests", "staff", _guests_found, "with two guests"),
    at("orders:order", "staff", f"/orders/{GROUP_ORDER}/"),
    at("orders:order", "staff", "/orders/00000000-0000-4000-8000-000000000000/", "not there"),
    at("orders:guest", "staff", f"/guests/{GUEST_WITH_PROFILE}/"),
    at("orders:guest", "staff", "/guests/{world.created.guest_ref}/", "a traveller"),
    at("orders:order_consumer", "staff", "/order-consumers/{world.created.consumer_ref}/"),
]
