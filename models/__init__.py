"""What is computed: descriptions of architectures, and the eager float32 decoder that they give.

Shape legend: T new tokens, C cache rows, H hidden_size, D head_dim, E routed experts, F expert width,
S shared-expert width, V vocabulary.
"""
