"""TODO rdmf_theory.layer"""
