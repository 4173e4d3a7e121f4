"""End to end: whole clusters of real processes, as `tepui up` starts them."""
