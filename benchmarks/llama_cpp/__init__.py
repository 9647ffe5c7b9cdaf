"""Artifacts against llama.cpp, on the same machine in the same run."""
