"""Unicode tables of the C++ core, as the `tokenizers` library sees the characters."""
