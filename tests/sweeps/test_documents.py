"""The documents name only what exists, their links resolve, and their commands for a backup work."""

from __future__ import annotations

import ast
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands

from apps.consumers.fields import FIELD_LABELS
from apps.consumers.forms.consumer import ConsumerForm
from apps.consumers.forms.lists import IdentifierRow
from tests.pictures import PICTURES
from tests.support.source import APPS, ROOT, modules, relative, tree_of

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
# Decisions and the changelog also describe files of the past.
PRESENT = [path for path in DOCUMENTS if path.name not in ("decisions.md", "CHANGELOG.md")]
ENDINGS = "py|md|toml|html|css|js|yaml|example|png"
PATH = re.compile(rf"`((?:[\w.-]+/)+(?:[\w.-]+\.(?:{ENDINGS}))?|[\w-]*\.?[\w-]+\.(?:{ENDINGS}))`")
# A path followed by a name in it, such as `apps/core/clock.py` `now`; of a class also `Attempt.before_write`.
NAMED = re.compile(r"`([\w./-]+\.py)`\s+`([\w.]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
TARGET = re.compile(r"\bmake ([a-z-]+)")
# Made by commands or operators, or inside a proof.
ABSENT = re.compile(
    r"(var|mutants)/|\.venv|portal-\w+\.|checkpoints\.jsonl|audit-proof|verify_audit_log\.py|ca\.pem"
)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _spans(text: str) -> str:
    """The text outside code blocks, whose lines are commands and drawings."""
    return re.sub(r"(?ms)^ *```.*?^ *```", "", text)


def _exists(path: str, document: Path) -> bool:
    """Whether a path exists. A name alone, such as ``views/``, may be anywhere in the apps."""
    name = path.rstrip("/")
    return any((place / name).exists() for place in (ROOT, document.parent)) or (
        "/" not in name and any(APPS.rglob(name))
    )


def _names_in(path: Path) -> set[str]:
    """The functions, classes, methods and assigned names of a module."""
    names = set()
    for node in tree_of(path).body:
        match node:
            case ast.FunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name, body=body):
                names |= {
                    name,
                    *(f"{name}.{part.name}" for part in body if isinstance(part, ast.FunctionDef)),
                }
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names


def _anchors(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", PRESENT, ids=relative)
def test_each_named_file_and_folder_exists(document: Path) -> None:
    named = {path for path in PATH.findall(_spans(_text(document))) if not ABSENT.match(path)}
    assert {path for path in named if not _exists(path, document)} == set()


def test_each_function_in_the_architecture_exists() -> None:
    named = NAMED.findall(_text(ROOT / "docs/architecture.md"))
    assert len(named) > 20
    assert [(path, name) for path, name in named if name not in _names_in(ROOT / path)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_each_link_resolves(document: Path) -> None:
    broken = []
    for link in ("".join(pair) for pair in LINK.findall(_spans(_text(document)))):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists() or (anchor and anchor not in _anchors(_text(target))):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("document", PRESENT, ids=relative)
def test_each_make_command_exists(document: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", _text(ROOT / "Makefile")))
    commands = "".join(re.findall(r"`[^`]+`|(?ms:^ *```.*?^ *```)", _text(document)))
    assert {*TARGET.findall(commands)} - targets == set()


def test_each_command_of_the_portal_is_documented() -> None:
    ours = {name for name, app in get_commands().items() if app.startswith(("apps.", "consumerportal"))}
    assert {name for name in ours if f"`{name}`" not in _text(ROOT / "docs/operating.md")} == set()


def test_rules_of_the_form_name_every_field_and_its_limit() -> None:
    section = _text(ROOT / "docs/operating.md").partition("## Rules of the form")[2].partition("\n## ")[0]
    rules = {
        label: rule
        for labels, rule in re.findall(r"(?m)^\| ([^|]+) \| ([^|]+) \|$", section)
        for label in labels.split(", ")
    }
    labels = {str(label) for label in FIELD_LABELS.values()}
    assert rules.keys() - {"field"} == {"Order reference", *labels}
    fields: dict[str, Any] = {
        **{name: ConsumerForm.base_fields[name] for name in ("first_name", "last_name", "nationality")},
        "passport_number": ConsumerForm.base_fields["passport_number"],
        "identifiers": IdentifierRow.base_fields["provider"],
    }
    identifier: Any = IdentifierRow.base_fields["id"]
    for name, field in fields.items():
        assert f"at most {field.max_length} " in rules[str(FIELD_LABELS[name])]
    assert f" {identifier.max_length} " in rules["Identifiers"]


def test_each_picture_is_taken_by_the_command_and_shown() -> None:
    taken = {f"{picture.name}.png" for picture in PICTURES}
    stored = {path.name for path in (ROOT / "docs/images").iterdir()}
    shown = {
        Path("".join(pair)).name
        for document in DOCUMENTS
        for pair in LINK.findall(_text(document))
        if "".join(pair).endswith((".png", ".svg", ".jpg"))
    }
    assert taken == stored == shown


def test_version_is_written_only_in_the_projects_metadata() -> None:
    [version] = re.findall(r'(?m)^version = "(.+)"$', _text(ROOT / "pyproject.toml"))
    places = [*modules(APPS), *modules(ROOT / "consumerportal"), *(ROOT / "templates").rglob("*.html")]
    assert [relative(path) for path in places if version in _text(path)] == []


# --- The commands of a document, as they stand there ----------------------------------------------
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A portal's folder with its Python, and an empty ``var``."""
    place = tmp_path / "portal"
    (place / ".venv/bin").mkdir(parents=True)
    (place / ".venv/bin/python").symlink_to(sys.executable)
    (place / "var").mkdir()
    return place


def _run(command: str, folder: Path, zone: str = "UTC") -> None:
    environment = {"PATH": os.environ["PATH"], "TZ": zone}
    subprocess.run(["sh", "-ec", command], cwd=folder, env=environment, check=True, timeout=60)


def _rows(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [name for (name,) in connection.execute("SELECT name FROM consumer ORDER BY rowid")]


def test_backup_of_sqlite_is_made_again_and_restored_over_a_log_that_was_left(folder: Path) -> None:
    section = _text(ROOT / "docs/operating.md").partition("\n## Backup\n")[2].partition("\n## ")[0]
    backup, restore = re.findall(r"(?ms)^ *```sh\n(.*?)^ *```", section)
    with closing(sqlite3.connect(folder / "var/portal.sqlite3", isolation_level=None)) as portal:
        portal.execute("PRAGMA journal_mode=WAL")
        portal.execute("CREATE TABLE consumer (name)")
        portal.execute("INSERT INTO consumer VALUES ('first')")
        _run(backup, folder)
        portal.execute("INSERT INTO consumer VALUES ('second')")
        _run(backup, folder, zone="UTC-9")  # nine hours later
        portal.execute("INSERT INTO consumer VALUES ('third')")
        # As a killed portal leaves it: what was written last is in the log beside the file.
        killed = folder.parent / "killed"
        shutil.copytree(folder, killed, symlinks=True)
    backups = {tuple(_rows(path)): path for path in folder.glob("*.sqlite3")}
    assert backups.keys() == {("first",), ("first", "second")}
    assert {path.stat().st_mode & 0o777 for path in backups.values()} == {0o600}

    assert (killed / "var/portal.sqlite3-wal").stat().st_size
    _run(restore.replace("BACKUP", str(backups["first",])), killed)
    assert _rows(killed / "var/portal.sqlite3") == ["first"]
    assert (killed / "var/portal.sqlite3").stat().st_mode & 0o777 == 0o600
    [replaced] = killed.glob("var/*/portal.sqlite3")
    assert _rows(replaced) == ["first", "second", "third"]
