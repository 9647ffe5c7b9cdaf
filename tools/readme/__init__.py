"""What README shows of the bundled checkpoint: figures and a picture, made by a program."""
