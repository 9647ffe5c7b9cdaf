// On Apple systems this target is compiled, and a target has sources.
