"""The artifacts that scenarios run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmoe.export.artifact.artifact import Artifact
from tests.conformance.variants import write_variants


@pytest.fixture(scope="package")
def variants(demo_artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `variants.py` has written all of them."""
    folder = tmp_path_factory.mktemp("variants")
    write_variants(demo_artifact.folder, folder)
    return folder
