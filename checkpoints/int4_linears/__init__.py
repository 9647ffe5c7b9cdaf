"""Checkpoints whose linears another tool packed in int4, grouped along the input: compressed-tensors, GPTQ, torchao."""
