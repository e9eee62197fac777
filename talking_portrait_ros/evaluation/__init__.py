"""Measures: lips against real speakers, the rig against its commands."""
