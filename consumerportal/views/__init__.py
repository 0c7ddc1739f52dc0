"""Pages that use several apps."""
