"""TODO rdmf_model.streaming.streaming"""
