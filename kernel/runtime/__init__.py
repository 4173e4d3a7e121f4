"""The shells: what turns the world into events and effects into I/O, written once for all."""
