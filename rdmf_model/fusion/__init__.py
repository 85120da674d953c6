"""TODO rdmf_model.fusion.reaction_diffusion"""
