"""Sound sources and pacing: where the sample clock starts."""
