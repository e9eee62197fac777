"""Trains the dyadic generator on conversations."""
