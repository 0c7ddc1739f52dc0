"""The quick flush between transactional tests leaves the same rows as Django's own."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection

from tests.support.people import make_person

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> dict[str, list[str]]:
    """All rows of all tables, without the keys that differ whenever Django recreates the rows."""
    groups = Group.objects.values_list(
        "name", "permissions__content_type__app_label", "permissions__codename"
    )
    named = {
        "groups": groups,
        "permissions": Permission.objects.values_list("content_type__model", "codename", "name"),
        "types": ContentType.objects.values_list("app_label", "model"),
    }
    contents: dict[str, list[str]] = {name: sorted(map(str, found)) for name, found in named.items()}
    for model in apps.get_models(include_auto_created=True):
        contents[model._meta.db_table] = [str(model._default_manager.count())]
    return contents


@pytest.mark.parametrize("reset_sequences", [False, True])
def test_quick_flush_leaves_the_same_rows_as_a_full_one(reset_sequences: bool) -> None:
    make_person("sam", "staff")
    Group.objects.get(name="staff").permissions.clear()
    Group.objects.create(name="of this test")
    call_command("flush", interactive=False, verbosity=0, reset_sequences=reset_sequences)
    quick = rows()

    call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=True)
    emptied = rows()
    emit_post_migrate_signal(0, False, connection.alias)
    assert quick == rows()
    assert quick != emptied


@pytest.mark.parametrize("reset_sequences", [False, True])
def test_new_rows_get_new_keys_after_a_quick_flush(reset_sequences: bool) -> None:
    call_command("flush", interactive=False, verbosity=0, reset_sequences=reset_sequences)
    taken = Group.objects.latest("pk").pk
    for number in range(taken + 1):  # would collide with an existing key if the sequence restarted below it
        Group.objects.create(name=f"of this test {number}")
    assert make_person("sam", "staff").roles == ("staff",)
