"""Django groups made from the matrix in ``roles.py``, whenever a migration has run."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as current_apps
from django.apps.registry import Apps

from apps.accounts.roles import GRANTS


def bring_groups_in_line(*, app_config: AppConfig, using: str, apps: Apps = current_apps, **_: Any) -> None:
    """Give each group exactly the permissions of this app that the matrix names, no more.

    Receives ``post_migrate``, which comes once for each app, after ``django.contrib.auth`` has created
    that app's permissions; so no order among the apps matters, and every run ends in the same state.
    A group that the matrix does not know keeps its people and loses its powers.
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
