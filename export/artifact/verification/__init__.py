"""What a verification found, as an artifact records it."""
