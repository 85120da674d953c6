"""How do files become samples and batches?"""
