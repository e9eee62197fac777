"""Training of the reference-guided VAE: clips in, weights with a model card out."""
