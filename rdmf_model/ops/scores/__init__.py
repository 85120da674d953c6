"""TODO rdmf_model.ops.scores"""
