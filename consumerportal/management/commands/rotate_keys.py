"""Replaces keys while people work."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core import key_fingerprints
from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.encryption import ENCRYPTION
from apps.core.key_fingerprints import require_accepted_keys
from apps.core.models import KeyInUse
from consumerportal import key_rewriting, keys
from consumerportal.keys import KeysNotAcceptedError, NotPossibleError

ACTOR = Actor.system("rotate_keys")


class Command(PortalCommand):
    help = (
        "Replaces keys while people work (docs/operating.md, Keys). Without an option: every key with its"
        " state and what is stored under it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        act = parser.add_mutually_exclusive_group()
        act.add_argument(
            "--add",
            metavar="KIND:ID",
            nargs="?",
            const=True,
            help="registers every key of this machine, of the retired ones only KIND:ID; from then on every"
            " machine must have all of them",
        )
        act.add_argument(
            "--use",
            metavar="KIND:ID",
            help="lets every process write with this registered key, and the worker write existing rows again"
            " with it",
        )
        act.add_argument(
            "--retire",
            metavar="KIND:ID",
            help="removes a key under which nothing is stored any more; then the settings need not have it",
        )
        parser.add_argument(
            "--forget-missing",
            action="store_true",
            help="with --add, for keys that are lost: removes the registered keys that this machine does not"
            " have. Values encrypted with them cannot be read any more.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="with --use: counts the rows to write again and those that cannot be read. With --retire:"
            " says whether it is possible.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["forget_missing"] and not options["add"]:
            raise CommandError("--forget-missing needs --add")
        if options["dry_run"] and not (options["use"] or options["retire"]):
            raise CommandError("--dry-run needs --use or --retire")
        if options["use"] or options["retire"]:
            require_accepted_keys()  # also because the event gets a MAC
        try:
            if options["add"]:
                again = options["add"] if options["add"] is not True else ""
                self._add(again, forget_missing=options["forget_missing"])
            elif options["use"]:
                self._use(options["use"], dry_run=options["dry_run"])
            elif options["retire"]:
                self._retire(options["retire"], dry_run=options["dry_run"])
            else:
                self._show()
        except (KeysNotAcceptedError, NotPossibleError) as refused:
            raise CommandError(str(refused)) from None

    def _add(self, again: str, *, forget_missing: bool) -> None:
        change = keys.register_keys(ACTOR, again=again, forget_missing=forget_missing)
        for key in change.retired:
            self.stdout.write(f"Retired, so not accepted again: {key}. To do so: rotate_keys --add {key}")
        for key in change.forgotten:
            self.stdout.write(f"Forgotten: {key}")
        for key in change.added:
            self.stdout.write(f"Accepted: {key}")
        for key in change.put_to_use:
            self._say_in_use(key)
        if not change.added and not change.forgotten:
            self.stdout.write("These keys are already registered.")

    def _use(self, label: str, *, dry_run: bool) -> None:
        kind, fingerprint = keys.parse_label(label)
        if not dry_run:
            keys.use_key(label, ACTOR)
            self._say_in_use(key_fingerprints.label_of(kind, fingerprint))
            return
        for model, rows, changes, unreadable in key_rewriting.dry_run(kind, fingerprint):
            self.stdout.write(f"{model}: {rows} rows, {changes} to write again, {unreadable} cannot be read")
        for obstacle in keys.obstacles(kind):
            self.stdout.write(f"Not possible yet. {obstacle}")
        self.stdout.write("Nothing was changed.")

    def _say_in_use(self, label: str) -> None:
        kind, _, _ = label.partition(":")
        rewriting = " A worker writes the rows again; status shows how far it is."
        self.stdout.write(f"In use: {label}.{rewriting if key_rewriting.models_of(kind) else ''}")

    def _retire(self, label: str, *, dry_run: bool) -> None:
        label = key_fingerprints.label_of(*keys.parse_label(label))
        if dry_run:
            keys.check_retiring(label)
            self.stdout.write(f"{label} can be retired. Nothing was changed.")
            return
        keys.retire_key(label, ACTOR)
        self.stdout.write(f"Retired: {label}. The settings need it until the current sessions have ended.")

    def _show(self) -> None:
        registered = key_fingerprints.registered_fingerprints()
        in_use = dict(KeyInUse.objects.values_list("kind", "fingerprint"))
        encrypted = key_rewriting.encrypted_values()
        for kind in key_fingerprints.kinds():
            own = kind.fingerprints()
            used = in_use.get(kind.name, "") if kind.chosen else own[0]
            for one in [*own, *sorted(registered[kind.name].difference(own))]:
                label = key_fingerprints.label_of(kind.name, one)
                state = (
                    "in use"
                    if one == used
                    else "registered"
                    if one in registered[kind.name]
                    else "not registered"
                )
                if one not in own:
                    state += ", missing here"
                count = f", {encrypted.pop(label, 0)} values" if kind.name == ENCRYPTION else ""
                self.stdout.write(f"{label}  {state}{count}")
            if waiting := key_rewriting.remaining(kind.name):
                self.stdout.write(f"{kind.name}: {waiting} rows are not written again with the key in use")
        for label, values in encrypted.items():
            self.stdout.write(f"{label}  missing here, {values} values")
