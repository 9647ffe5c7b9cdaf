"""What can be wrong with a checkpoint's files."""

from mmoe.runtime_bindings.python.errors import MmoeError


class CheckpointError(MmoeError):
    """The tensors of a checkpoint are missing, unexpected, wrongly typed, wrongly shaped, damaged or not finite."""


class HubError(MmoeError):
    """The Hugging Face hub gave no checkpoint or took no artifact (offline, gated, no token, no such id)."""


class TokenizerError(MmoeError):
    """The tokenizer or the chat template is absent, unreadable or does not fit the model's vocabulary."""
