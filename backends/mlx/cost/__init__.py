"""What a delegate's instructions move and multiply, read off the instruction list without a device."""
