from django.apps import AppConfig


class LookupsConfig(AppConfig):
    name = "apps.lookups"
    label = "lookups"
