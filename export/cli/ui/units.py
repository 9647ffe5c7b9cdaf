"""Numbers as people read them."""


def format_bytes(count: int) -> str:
    """A size in decimal units with three significant digits, such as ``4.13 MB``; bytes below 1000 are exact."""
    if count < 1000:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 999.5 or unit == "TB":
            break
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f} {unit}"


def format_seconds(seconds: float) -> str:
    """A duration such as ``0.4 s``, ``12 s`` or ``2 min 05 s``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
