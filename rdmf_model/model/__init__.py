"""How do fused clips become moments? Projections, heads, moment queries."""
