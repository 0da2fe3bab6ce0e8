"""The wire format of Gemini: requests, answers and batch rows of `generateContent`, in REST form.

Nothing outside this package, the providers, their stand-ins and the simulated models knows a field of it.
"""
