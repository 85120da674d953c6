"""TODO rdmf_model.config.config"""
