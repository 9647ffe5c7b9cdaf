"""Errors that a user can act on: each message names the file, tensor or key at fault and, where known, the cure."""


class MmoeError(Exception):
    """Base of every error that is the input's fault; the CLI prints its message and exits with code 1."""


class ConfigError(MmoeError):
    """`config.json` is missing a key, has a value of the wrong kind, or describes an unsupported model."""


class CheckpointError(MmoeError):
    """The tensors of a checkpoint are missing, unexpected, wrongly typed, wrongly shaped, damaged or not finite."""


class HubError(MmoeError):
    """A checkpoint could not be had from the Hugging Face hub (offline, gated, no token, no such id)."""


class TokenizerError(MmoeError):
    """The tokenizer or the chat template is absent, unreadable or does not fit the model's vocabulary."""


class ArtifactError(MmoeError):
    """An artifact folder is incomplete, damaged, of another version, or would be overwritten."""


class RuntimeFailure(MmoeError):
    """The ExecuTorch runtime refused a program or a call; carries a readable form of its error code."""


class OptionError(MmoeError):
    """An option (a flag or a field of a configuration) has a value outside its range."""


class BackendError(MmoeError):
    """A backend cannot be used as it is installed: something it needs is absent or cannot be prepared."""
