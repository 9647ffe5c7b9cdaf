"""The ids that every program of the full-size tests runs on."""

# Of all parts of a vocabulary of 128,256 tokens.
IDS = [128000, 791, 4062, 14198, 39935, 127999, 35308, 927, 279, 64000, 5, 100257]
