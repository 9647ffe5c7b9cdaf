"""The architectures: for each one a config class, which is also its model description, in a file of its own.

A description (`description.py`) says which blocks a layer has. The tensors that a checkpoint must hold, the eager
model, every backend's program, sizes and reports follow from it.
"""
