"""What comes before PyTorch is loaded: whether there is room for it, and a word to whoever waits."""

from mmoe.export.limits import require_room_for_pytorch
from mmoe.export.progress import Progress


def announce_pytorch(progress: Progress) -> None:
    """Begins the phase in which PyTorch and ExecuTorch are imported, for seconds.

    Raises:
        OptionError: there is no room for them.
    """
    require_room_for_pytorch()
    progress.phase("Loading PyTorch and ExecuTorch")
