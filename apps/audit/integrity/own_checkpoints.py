"""The checkpoints in this machine's file that a key of this portal has signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings

from apps.audit.integrity import checkpoints
from apps.audit.integrity.checkpoints import Checkpoint


def own_keys() -> Mapping[str, Ed25519PublicKey]:
    """The public keys of this portal, present and former, by their ids."""
    return checkpoints.keys_by_id(settings.AUDIT_SIGNING_KEY, settings.AUDIT_FORMER_PUBLIC_KEYS)


def own_checkpoints() -> Iterator[Checkpoint]:
    """The valid checkpoints of the file, in its order. Raises ``OSError``."""
    keys = own_keys()
    for _offset, checkpoint in checkpoints.read(settings.AUDIT_CHECKPOINT_FILE):
        if checkpoint.key in keys and checkpoint.is_signed_by(keys[checkpoint.key]):
            yield checkpoint


def last_own_checkpoint() -> Checkpoint | None:
    """The last valid checkpoint of the file; None if there is none. Raises ``OSError``."""
    found = checkpoints.last_valid(settings.AUDIT_CHECKPOINT_FILE, own_keys())
    return found[1] if found else None
