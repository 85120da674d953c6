"""TODO rdmf_model.commands"""
