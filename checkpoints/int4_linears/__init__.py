"""Checkpoints whose linears other tools have packed in int4, grouped along the input: compressed-tensors, GPTQ, torchao."""
