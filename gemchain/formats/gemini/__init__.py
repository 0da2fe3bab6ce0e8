"""What Gemini-shaped services have in common: requests, rows, and a stand-in that answers without a model.

It knows no service and opens no connection; the providers and the emulators build on it.
"""
