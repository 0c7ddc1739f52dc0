"""Integrity of the log: checkpoints, verification, retention and proof."""
