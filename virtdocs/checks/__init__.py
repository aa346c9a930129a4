"""Gates over pages, labels and sources: each returns findings with file and line."""
