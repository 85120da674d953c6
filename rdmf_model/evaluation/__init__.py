"""TODO rdmf_model.evaluation"""
