"""How far apart the scales of an artifact's experts lie, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType

from mmoe.export.cli.ui.tables import field_table

if TYPE_CHECKING:
    from mmoe.export.artifact.manifest import Manifest


def expert_scales_table(manifest: Manifest) -> list[RenderableType]:
    """What a conversion found; nothing without routed experts."""
    found = manifest.expert_scales
    if found is None:
        return []
    return [
        field_table(
            {
                "panels": f"{found.panels:,}",
                "furthest apart": f"{found.largest_ratio:,.1f} times",
                "far apart": f"{found.wide_panels:,} panels, where tokens may be multiplied as floats",
            },
            title="scales within a panel of the experts",
        )
    ]
