"""The theory's commands, one file each; `rdmf_theory.cli` registers them."""
