"""Refuse Django's command: the portal has no superusers."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Not available: people have roles. Use create_administrator."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Accept the options that scripts usually give to Django's command."""
        parser.add_argument("--username")
        parser.add_argument("--noinput", action="store_true")

    def handle(self, *args: Any, **options: Any) -> NoReturn:
        raise CommandError("The portal has no superusers. Use manage.py create_administrator.")
