"""TODO rdmf_model.model.moment_model"""
