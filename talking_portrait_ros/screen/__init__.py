"""Frames and sound to eyes and ears, against the audio clock."""
