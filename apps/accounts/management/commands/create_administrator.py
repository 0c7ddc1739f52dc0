"""Add the first administrator, or a new one when no administrator can sign in any more."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.urls import reverse

from apps.accounts import services
from apps.accounts.forms import NewPersonForm
from apps.accounts.models import User
from apps.accounts.roles import ADMINISTRATOR
from apps.accounts.terminal import ask_for_password
from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.key_fingerprints import require_accepted_keys

ACTOR = Actor.system("create_administrator")


class Command(PortalCommand):
    help = "Add an administrator; prints a one-time link to set the password, or asks for a password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user-name", default="", help="asked for when not given")
        parser.add_argument("--name", default="", help="the full name; asked for when not given")
        parser.add_argument("--ask-password", action="store_true", help="ask for a password, print no link")
        parser.add_argument(
            "--base-url", default=settings.PORTAL_URL, help="where people reach the portal (%(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        require_accepted_keys()
        form = NewPersonForm(
            {
                "username": options["user_name"] or input("User name: "),
                "name": options["name"] or input("Full name: "),
                "roles": [ADMINISTRATOR],
            }
        )
        if not form.is_valid():
            raise CommandError("\n".join(str(error) for errors in form.errors.values() for error in errors))
        person = form.to_new_person()
        password = ""
        if options["ask_password"]:
            password = ask_for_password(User(username=person.username, name=person.details.name))
        try:
            person_id = services.add_person(person=person, actor=ACTOR)
        except services.ActRefusedError as refused:
            raise CommandError("Another person has this user name") from refused
        if password:
            services.set_password(person_id=person_id, password=password, actor=ACTOR)
            self.stdout.write("The administrator can sign in.")
            return
        uid, token = services.issue_password_link(person_id=person_id, actor=ACTOR)
        self.stdout.write("The administrator sets a password with this link. It works once:")
        self.stdout.write(options["base_url"].rstrip("/") + reverse("password_link", args=[uid, token]))
