"""Delegates: one folder each, behind the interface of `mmoe.backends.base`."""
