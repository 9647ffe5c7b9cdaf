"""Synthetic checkpoints in the released format and of the released sizes, with a trained model's statistics."""
