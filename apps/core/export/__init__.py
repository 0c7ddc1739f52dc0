"""The parts that all exports share: formats, CSV cells, JSON Lines, ZIP archives, HTTP responses."""
