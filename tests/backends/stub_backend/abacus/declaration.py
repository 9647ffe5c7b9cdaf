"""A backend that no package of ours knows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from mmoe.backends.declaration import Declaration


class Beads(StrEnum):
    """What it counts with."""

    WOOD = "wood"
    GLASS = "glass"


@dataclass(frozen=True, kw_only=True)
class AbacusOptions:
    """Its one option."""

    beads: Annotated[Beads, "What the abacus counts with."] = Beads.WOOD


BACKEND = Declaration(
    name="abacus",
    help="wooden frames",
    options=AbacusOptions,
    implementation="mmoe.backends.abacus.backend:AbacusBackend",
    runs_in_libmmoe=False,
)
