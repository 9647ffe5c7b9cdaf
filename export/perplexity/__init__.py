"""Perplexity of a text, on the runtime that apps use."""
