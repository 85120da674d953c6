"""How is a formula evaluated exactly, or enclosed? Numbers of many kinds, their gradients, signs and zeros."""
