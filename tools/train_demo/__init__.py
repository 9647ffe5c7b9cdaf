"""Trains the bundled checkpoint: a small MobileMoE on the King James Version, in float and then quantisation-aware."""
