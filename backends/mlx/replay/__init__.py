"""Runs a delegate's instruction list with PyPI's `mlx`, on any machine that has it: no Metal, no ExecuTorch runtime."""
