"""Speed and memory of artifacts, measured in a process without Python, as figures that can be compared."""
