from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"

    def ready(self) -> None:
        from apps.accounts.audit_events import EVENTS  # noqa: PLC0415  (models load after the apps)
        from apps.accounts.groups import bring_groups_in_line  # noqa: PLC0415  (likewise)
        from apps.accounts.roles import LABELS  # noqa: PLC0415  (likewise)
        from apps.audit.registry import register, register_role_labels  # noqa: PLC0415  (likewise)

        register(EVENTS)
        register_role_labels(LABELS)

        # Django's takes the clock of the machine; sessions.begin() writes it in the sign-in's transaction.
        user_logged_in.disconnect(dispatch_uid="update_last_login")
        post_migrate.connect(bring_groups_in_line, dispatch_uid="accounts.bring_groups_in_line")
