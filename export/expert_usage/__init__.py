"""Which experts a text meets, what of the program that keeps in memory, and what a cache of experts would save."""
