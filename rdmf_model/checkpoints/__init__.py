"""TODO rdmf_model.checkpoints"""
