"""Numbers of the format `mobilemoe-int4-g32`; importing them imports no framework."""

GROUP_SIZE = 32
"""Values that share a scale."""
QMIN = -8
QMAX = 7
