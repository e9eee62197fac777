"""Layers that the streaming models are made of; they know nothing of stages or chunks.

Pictures inside the networks are channels-last: [B, T, H, W, C]. A layer given no memory of the
past treats its input as a whole clip that begins with frame 0.
"""
