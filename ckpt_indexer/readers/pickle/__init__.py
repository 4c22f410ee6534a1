"""The pickle data machine: opcodes in, inert nodes out. Nothing is imported, called or hashed."""
