"""What every error of the package derives from, and the runtime's own.

Each message names the file, tensor or key at fault and, where it is known, the cure.
"""


class MmoeError(Exception):
    """Base of every error that is the input's fault; the CLI prints its message and exits with code 1."""


class RuntimeFailure(MmoeError):
    """The ExecuTorch runtime refused a program or a call; carries a readable form of its error code."""


class OptionError(MmoeError):
    """An option (a flag or a field of a configuration) has a value outside its range."""


class ParameterError(OptionError):
    """A parameter that a caller names has a value outside its range.

    Attributes:
        parameter: Its name.
        reason: What its value must be, and what it is.
    """

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter} {reason}")
        self.parameter = parameter
        self.reason = reason
