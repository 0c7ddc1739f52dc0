"""The matrix of roles and the groups made from it; only a group grants a permission."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import FieldDoesNotExist
from django.core.management import call_command
from django.db import IntegrityError

from apps.accounts.models import User
from apps.accounts.roles import ADMINISTRATOR, AUDITOR, GRANTS, LABELS, ROLES, STAFF, SUPERVISOR
from tests.support.people import make_person
from tests.support.permissions import PERMISSIONS

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


def test_supervisor_has_all_permissions_of_staff() -> None:
    assert set(ROLES[STAFF]) < set(ROLES[SUPERVISOR])


def test_administrator_role_does_not_show_consumers() -> None:
    assert [p for p in ROLES[ADMINISTRATOR] if p.startswith("consumers.")] == [
        "consumers.change_identity_rules"
    ]


def test_auditor_reads_the_log_and_past_exports_and_does_nothing_else() -> None:
    assert set(ROLES[AUDITOR]) == {
        "audit.view_log",
        "audit.verify_log",
        "audit.report_access",
        "history.view_past_exports",
    }


def test_no_role_grants_personal_data_in_exports() -> None:
    assert not any("consumers.export_personal_data" in permissions for permissions in ROLES.values())


def test_every_grant_has_a_label() -> None:
    assert LABELS.keys() == GRANTS.keys()


def test_next_migration_revokes_permissions_outside_the_matrix() -> None:
    manage = Permission.objects.get(codename="manage_people")
    staff, stranger = Group.objects.get(name=STAFF), Group.objects.create(name="stranger")
    staff.permissions.add(manage)
    stranger.permissions.add(manage)
    Group.objects.get(name=ADMINISTRATOR).permissions.remove(manage)

    call_command("migrate", verbosity=0)

    assert [group.name for group in Group.objects.filter(permissions=manage)] == [ADMINISTRATOR]


def test_person_has_the_permissions_of_all_their_roles() -> None:
    person = make_person("pat", STAFF, ADMINISTRATOR)
    assert person.get_all_permissions() == set(ROLES[STAFF]) | set(ROLES[ADMINISTRATOR])
    assert person.has_perms(["accounts.manage_people", "consumers.create_order_consumer"])
    assert not person.has_perm("consumers.resolve_submission")
    assert person.has_module_perms("audit")
    assert person.role_labels == "Staff, Administrator"


def test_deactivated_person_has_no_permission() -> None:
    person = make_person("pat", ADMINISTRATOR)
    person.is_active = False
    assert not person.has_perm("accounts.manage_people")
    assert not person.has_module_perms("accounts")


def test_superusers_cannot_be_created() -> None:
    for column in ("is_superuser", "is_staff", "user_permissions"):
        with pytest.raises(FieldDoesNotExist):
            User._meta.get_field(column)


def test_user_names_ignore_letter_case() -> None:
    make_person("pat")
    with pytest.raises(IntegrityError):
        User.objects.create(username="PAT", name="Another")


def test_person_requires_a_name() -> None:
    with pytest.raises(IntegrityError):
        User.objects.create(username="pat", name="")
