"""Rectified flow: a straight path between data and noise, and how to go back along it.

Three nouns: `path` (what lies between), `schedule` (which times), `solver` (how to walk).
Shared by every generator of the project.
"""
