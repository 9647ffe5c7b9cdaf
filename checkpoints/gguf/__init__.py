"""Checkpoints in single GGUF files: config, tokenizer and template from the metadata, int4 blocks as they are."""
