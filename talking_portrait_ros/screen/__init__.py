"""Frames and sound to eyes and ears, against the audio clock.

`presenter.py` decides what is shown and heard in each frame period, without any clock or device
of its own; `player.py` gives it the time and hands its decisions to the sinks: a window, a file.
"""
