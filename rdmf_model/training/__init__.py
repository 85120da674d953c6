"""TODO rdmf_model.training"""
