"""TODO rdmf_model.data.dataset"""
