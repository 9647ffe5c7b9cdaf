"""Lines that a user edits in the terminal, with a history of the ones before."""

from collections.abc import Iterator

from mmoe.runtime_bindings.python.errors import OptionError


class LineEditor:
    """An editor of one line after the other, by prompt_toolkit: arrows, history, pasted text of several lines."""

    def __init__(self) -> None:
        """Prepares it.

        Raises:
            OptionError: prompt_toolkit is not installed.
        """
        try:
            from prompt_toolkit import PromptSession
        except ImportError as error:
            raise OptionError(
                f"chat needs the package prompt_toolkit ({error}): pip install 'mmoe-export[chat]'"
            ) from error
        self._session: PromptSession[str] = PromptSession("> ")

    def lines(self) -> Iterator[str]:
        """What the user enters, until Ctrl-D; Ctrl-C begins the line again."""
        while True:
            try:
                yield self._session.prompt()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
