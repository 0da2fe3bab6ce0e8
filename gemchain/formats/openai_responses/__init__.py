"""The wire format of OpenAI's Responses API: requests, answers and errors.

https://developers.openai.com/api/reference/resources/responses/methods/create
"""
