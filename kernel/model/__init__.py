"""The nouns of the kernel, frozen and free of I/O: ids, resources, attributes, task states."""
