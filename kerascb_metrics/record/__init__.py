"""Record: what goes into `logs`, into the history and into files."""
