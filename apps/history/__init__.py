"""Reading, summing up and exporting submissions."""
