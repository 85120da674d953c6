"""TODO rdmf_theory.support"""
