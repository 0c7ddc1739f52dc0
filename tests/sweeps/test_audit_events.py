"""Each app defines the event types of its own subjects, and only services record events."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from apps.audit.registry import SENTENCE_VALUES, AppEvents, EventType, event_types
from tests.support.source import APPS, ROOT, called_names, modules, relative, tree_of

PLACES = [*APPS.rglob("audit_events.py"), ROOT / "consumerportal" / "audit_events.py"]
MODULES = [*modules(APPS), *modules(ROOT / "consumerportal")]
NO_SERVICES = re.compile(
    r"(^|/)(views|forms|presenters|templatetags|management|urls|middleware|adapter|context_processors)\b"
    r"|_(views|forms|presenters|urls)\.py$"
)


def _events_of(path: Path) -> AppEvents:
    module = import_module(relative(path).removesuffix(".py").replace("/", "."))
    found: AppEvents = module.EVENTS
    return found


def test_each_app_registers_the_event_types_that_it_defines() -> None:
    defined = {one.name: one for path in PLACES for one in _events_of(path).event_types}
    assert defined == {one.name: one for one in event_types()}
    assert len(defined) > 45
    assert [relative(path) for path in PLACES if path.parent.name != _events_of(path).app] == []


def test_each_subject_belongs_to_one_app() -> None:
    owners: dict[str, set[str]] = {}
    for one in event_types():
        owners.setdefault(one.name.partition(".")[0], set()).add(one.app)
    assert {subject: apps for subject, apps in owners.items() if len(apps) > 1} == {}


def test_each_label_occurs_once() -> None:
    labels = [str(one.label) for one in event_types()]  # the filter shows them together
    assert len({*labels}) == len(labels)


@pytest.mark.parametrize("event_type", event_types(), ids=lambda one: one.name)
def test_sentence_names_only_what_its_event_can_carry(event_type: EventType) -> None:
    assert str(event_type.sentence).strip()
    details = [{}, *({name: code} for name, key in event_type.keys.items() for code in key.labels)]
    special = [event_type.sentence_for(one) for one in details] if event_type.sentence_for else []
    for sentence in [event_type.sentence, event_type.sentence_by_portal, *(one for one in special if one)]:
        named = {*re.findall(r"%\((\w+)\)s", str(sentence))}
        assert named <= {*event_type.keys} | {*SENTENCE_VALUES}


def test_each_event_type_is_recorded_somewhere() -> None:
    constants = {
        node.targets[0].id
        for path in PLACES
        for node in tree_of(path).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and ast.unparse(node.value).startswith("EVENTS.define(")
    }
    assert len(constants) == len(event_types())
    used = {
        node.id
        for path in MODULES
        if path not in PLACES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Name)
    }
    assert constants - used == set()


def test_audit_app_contains_no_texts_of_other_apps() -> None:
    foreign = [one for one in event_types() if one.app != "audit"]
    subjects = tuple({one.name.partition(".")[0] + "." for one in foreign})
    texts = {str(text) for one in foreign for text in (one.label, one.sentence)}
    wrong = [
        f"{relative(path)}: {node.value}"
        for path in modules(APPS / "audit")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value in texts or re.fullmatch(rf"({'|'.join(map(re.escape, subjects))})[a-z_]+", node.value)
    ]
    assert wrong == []


def test_only_services_record_events() -> None:
    recording = [
        relative(path)
        for path in MODULES
        if any(name.rpartition(".")[2] == "record" for name in called_names(tree_of(path)))
    ]
    assert len(recording) > 15
    assert [path for path in recording if NO_SERVICES.search(path)] == []
