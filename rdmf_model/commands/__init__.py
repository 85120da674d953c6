"""The commands of a model's life, one file each; `rdmf_model.cli` registers them."""
