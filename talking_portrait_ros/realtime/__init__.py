"""Queues, workers and latency statistics that keep a stage on time."""
