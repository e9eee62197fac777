"""Sound in: where samples come from, and the clock that turns them into a steady stream.

Every origin of sound is a `Source` (`source.py`): a file, a microphone, speech from text, or
chunks pushed from outside. `pacing.py` reads a source at the pace of real time and makes the
`AudioChunk`s that the whole graph is clocked by.
"""
