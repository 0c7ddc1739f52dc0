"""The matrix, the groups made from it, and that nothing but a group gives a permission."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import FieldDoesNotExist
from django.core.management import call_command
from django.db import IntegrityError

from apps.accounts.models import User
from apps.accounts.roles import ADMINISTRATOR, GRANTS, LABELS, PERMISSIONS, ROLES, STAFF, SUPERVISOR
from tests.support.people import make_person

pytestmark = pytest.mark.django_db


def test_every_permission_of_the_matrix_is_defined_by_a_model() -> None:
    defined = {
        f"{permission.content_type.app_label}.{permission.codename}"
        for permission in Permission.objects.select_related("content_type")
    }
    assert PERMISSIONS - defined == set()


def test_every_permission_of_our_models_is_in_the_matrix() -> None:
    ours = {
        f"{model._meta.app_label}.{codename}"
        for model in apps.get_models()
        if model.__module__.startswith("apps.")
        for codename, _ in model._meta.permissions
    }
    assert ours == PERMISSIONS


def test_each_group_has_exactly_the_permissions_of_the_matrix() -> None:
    for name, permissions in GRANTS.items():
        granted = Group.objects.get(name=name).permissions.select_related("content_type")
        assert {f"{p.content_type.app_label}.{p.codename}" for p in granted} == set(permissions)


def test_a_supervisor_can_do_all_that_staff_can() -> None:
    assert set(ROLES[STAFF]) < set(ROLES[SUPERVISOR])


def test_an_administrator_sees_no_consumer_by_virtue_of_being_one() -> None:
    assert [p for p in ROLES[ADMINISTRATOR] if p.startswith("consumers.")] == [
        "consumers.change_identity_rules"
    ]


def test_no_role_brings_personal_data_in_exports() -> None:
    assert not any("consumers.export_personal_data" in permissions for permissions in ROLES.values())


def test_every_grant_has_a_label() -> None:
    assert LABELS.keys() == GRANTS.keys()


def test_the_next_migration_takes_away_what_the_matrix_does_not_say() -> None:
    manage = Permission.objects.get(codename="manage_people")
    staff, stranger = Group.objects.get(name=STAFF), Group.objects.create(name="stranger")
    staff.permissions.add(manage)
    stranger.permissions.add(manage)
    Group.objects.get(name=ADMINISTRATOR).permissions.remove(manage)

    call_command("migrate", verbosity=0)

    assert [group.name for group in Group.objects.filter(permissions=manage)] == [ADMINISTRATOR]


def test_a_person_may_do_what_their_roles_may_together() -> None:
    person = make_person("pat", STAFF, ADMINISTRATOR)
    assert person.get_all_permissions() == set(ROLES[STAFF]) | set(ROLES[ADMINISTRATOR])
    assert person.has_perms(["accounts.manage_people", "consumers.create_order_consumer"])
    assert not person.has_perm("consumers.resolve_submission")
    assert person.has_module_perms("audit")
    assert person.role_labels == "Staff, Administrator"


def test_a_deactivated_person_may_do_nothing() -> None:
    person = make_person("pat", ADMINISTRATOR)
    person.is_active = False
    assert not person.has_perm("accounts.manage_people")
    assert not person.has_module_perms("accounts")


def test_there_is_no_superuser_to_be() -> None:
    for column in ("is_superuser", "is_staff", "user_permissions"):
        with pytest.raises(FieldDoesNotExist):
            User._meta.get_field(column)


def test_a_user_name_is_taken_in_all_capitals() -> None:
    make_person("pat")
    with pytest.raises(IntegrityError):
        User.objects.create(username="PAT", name="Another")


def test_a_person_has_a_name() -> None:
    with pytest.raises(IntegrityError):
        User.objects.create(username="pat", name="")
