"""Delegates: one folder each, behind the interface of `mmoe.backends.base`."""

from mmoe.backends.quiet import drop_known_messages

drop_known_messages()
