"""Delegates: one folder each, behind the interface of `mmoe.backends.base`."""

from mmoe.backends.load_messages import hide_load_messages

hide_load_messages()
