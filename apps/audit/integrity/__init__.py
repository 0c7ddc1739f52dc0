"""Evidence that the log is what was written: checkpoints, verification, retention, proof."""
