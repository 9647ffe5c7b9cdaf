"""Tasks of lm-evaluation-harness on an artifact, and on its checkpoint in eager PyTorch."""
