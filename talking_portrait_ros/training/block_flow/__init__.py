"""Trains the block-wise rectified-flow generator on latents of the corpus."""
