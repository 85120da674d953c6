"""How does a network stay in the admissible region? The one way from theory to training."""
