"""Hosts that make corpora and train the shipped weights."""
