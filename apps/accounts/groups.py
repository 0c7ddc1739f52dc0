"""Synchronise Django's groups with the matrix in ``roles.py`` after each migration."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as current_apps
from django.apps.registry import Apps

from apps.accounts.roles import GRANTS


def sync_groups(*, app_config: AppConfig, using: str, apps: Apps = current_apps, **_: Any) -> None:
    """Give each group exactly those permissions of ``app_config`` that the matrix lists.

    Receiver of ``post_migrate``, which Django sends once per app, after ``django.contrib.auth`` has created
    that app's permissions. The order of the apps does not matter, and every run ends in the same state. A
    group that is not in the matrix loses its permissions; its members stay.
    """
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:  # only part of the apps has been migrated so far
        return
    for name in GRANTS:
        group_model.objects.using(using).get_or_create(name=name)
    of_this_app = permission_model.objects.using(using).filter(content_type__app_label=app_config.label)
    for group in group_model.objects.using(using).all():
        wanted = {
            permission.partition(".")[2]
            for permission in GRANTS.get(group.name, ())
            if permission.startswith(f"{app_config.label}.")
        }
        group.permissions.remove(*of_this_app.exclude(codename__in=wanted))
        group.permissions.add(*of_this_app.filter(codename__in=wanted))
