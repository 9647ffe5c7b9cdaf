"""Explains wrong usage of the command line."""

# Typer has no public name for these; its version is pinned to one minor release.
from typer._click.exceptions import NoArgsIsHelpError, NoSuchOption, UsageError

__all__ = ["UsageError", "explain_usage"]


def explain_usage(error: UsageError) -> str:
    """The usage line, where to find help, and the error, with the option that may have been meant.

    Empty if the help has been printed instead, because there were no arguments.
    """
    if isinstance(error, NoArgsIsHelpError):
        return ""
    message = error.format_message()
    if isinstance(error, NoSuchOption) and error.possibilities:
        # The first is the closest.
        message = f"{error.message}. Did you mean {error.possibilities[0]}?"
    lines = [f"error: {message}"]
    if error.ctx is not None:
        help_command = f"{error.ctx.command_path} {error.ctx.help_option_names[-1]}"
        lines = [error.ctx.get_usage(), f"Try '{help_command}' for help.", *lines]
    return "\n".join(lines) + "\n"
