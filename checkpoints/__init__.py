"""What is read: a checkpoint's folder or hub repository, its tensors, its tokenizer and its chat template."""
