"""TODO rdmf_model.demo.demo"""
