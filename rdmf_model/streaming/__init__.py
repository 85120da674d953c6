"""How is a long or a running video fused? Chunks with halos and certified bounds."""
