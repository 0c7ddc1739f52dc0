"""The texts for codes of batches. States and reasons have theirs in the models."""

from __future__ import annotations
