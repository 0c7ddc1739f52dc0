"""Writes rows again with another key, in one process: ``python -m benchmarks.key_rotation_inside``.

Uses the filled database of the environment, whose settings have two encryption keys and two digest keys.
Prints, by kind of key, the rows, the seconds, the processor seconds of this process, and the longest batch
(seconds) as JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import threading
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from apps.core import key_fingerprints
from apps.core.actor import Actor
from apps.core.models import KeyRewriting
from consumerportal import key_rewriting, keys

ACTOR = Actor.system("benchmark")


def measured(kind: key_fingerprints.KeyKind) -> dict[str, float]:
    """Put the second key of the kind to use and write every row again, without the worker's pauses."""
    keys.use_key(key_fingerprints.label_of(kind.name, kind.fingerprints()[1]), ACTOR)
    rows, longest = 0, 0.0
    began, began_processor = time.perf_counter(), time.process_time()
    while KeyRewriting.objects.filter(finished_at=None).exists():
        began_batch = time.perf_counter()
        # With no time for a round there is one batch.
        rows += key_rewriting.rewrite_due(ACTOR, after=dt.timedelta(), stop=threading.Event())
        longest = max(longest, time.perf_counter() - began_batch)
    return {
        "rows": rows,
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - began_processor,
        "longest": longest,
    }


def main() -> None:
    """Measure both kinds of keys."""
    key_rewriting.PAUSE_SECONDS = 0.0
    key_rewriting.ROUND_SECONDS = 0.001
    keys.register_keys(ACTOR)
    kinds = (key_fingerprints.ENCRYPTION, key_fingerprints.DIGEST)
    json.dump({kind.name: measured(kind) for kind in kinds}, sys.stdout)


if __name__ == "__main__":
    main()
