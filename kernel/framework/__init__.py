"""What a framework needs to be one: match offers to what it wants. Pure."""
