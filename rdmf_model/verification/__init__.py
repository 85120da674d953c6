"""TODO rdmf_model.verification"""
