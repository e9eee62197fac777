"""One file per node."""
