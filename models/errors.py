"""What can be wrong with a description of a model."""

from mmoe.runtime_bindings.python.errors import MmoeError


class ConfigError(MmoeError):
    """`config.json` is missing a key, has a value of the wrong kind, or describes an unsupported model."""
