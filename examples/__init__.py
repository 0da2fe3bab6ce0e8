"""Chains that run on texts which every machine has."""
