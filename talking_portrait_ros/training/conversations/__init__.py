"""Conversations of two synthesised voices, with the motion of the one whose face is shown."""
