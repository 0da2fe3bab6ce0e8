"""The wire format of Anthropic's Messages API: requests, answers and errors, of API version 2026-10-21.

https://platform.claude.com/docs/en/api/messages
"""
