from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"

    def ready(self) -> None:
        from apps.accounts.groups import bring_groups_in_line  # noqa: PLC0415  (models load after the apps)

        post_migrate.connect(bring_groups_in_line, dispatch_uid="accounts.bring_groups_in_line")
