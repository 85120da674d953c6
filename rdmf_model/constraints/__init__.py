"""TODO rdmf_model.constraints.constraint"""
