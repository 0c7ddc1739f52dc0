from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "apps.notices"
    label = "notices"

    def ready(self) -> None:
        from django.core.checks import register  # noqa: PLC0415  (once the apps are ready)

        from apps.notices.system_checks import check_notice_causes  # noqa: PLC0415  (likewise)

        register(check_notice_causes)
