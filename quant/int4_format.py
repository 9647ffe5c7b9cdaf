"""Numbers of the format `mobilemoe-int4-g32`; importing them imports no framework."""

GROUP_SIZE = 32
"""Values that share a scale."""
QMIN = -8
QMAX = 7
LARGEST_VALUE = 7 * 65504.0
"""Magnitude beyond which no group has a float16 scale."""
