"""Wire formats of embeddings: one text in, one vector out.

A model's name that begins with `embeddings/` tells its provider to use one of them.
"""
