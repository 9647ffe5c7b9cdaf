"""Trains the stand-ins of public families: small models of `transformers`' own code, ended on an int4 grid."""
