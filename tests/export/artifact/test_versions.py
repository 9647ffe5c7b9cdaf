"""Versions come from the installed packages."""

import importlib.metadata

from mmoe.export.artifact import versions


def test_installed_packages_have_versions(monkeypatch):
    monkeypatch.setattr(versions, "PACKAGES", ("torch", "no-such-package"))
    assert versions.installed_versions() == {
        "torch": importlib.metadata.version("torch"),
        "no-such-package": "not installed",
    }
