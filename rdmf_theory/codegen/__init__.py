"""TODO rdmf_theory.codegen.python"""
