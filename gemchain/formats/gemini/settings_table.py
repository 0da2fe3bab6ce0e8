"""The settings of a `generateContent` request: their names, kinds and ranges, as google-genai 2.34 has them.

A test compares this table with google-genai's own types. Ranges are those of the service.
https://ai.google.dev/api/generate-content#generationconfig
https://docs.cloud.google.com/gemini-enterprise-agent-platform/reference/rest/v1/GenerationConfig
"""

from gemchain.formats.setting_kinds import Kind

__all__ = ["BESIDE", "GENERATION"]

NUMBER, INTEGER, TEXT, BOOLEAN = Kind("number"), Kind("integer"), Kind("text"), Kind("boolean")
TEXTS, ANY, OBJECT, OBJECTS = Kind("texts"), Kind("any"), Kind("object"), Kind("objects")
SCHEMA, JSON_SCHEMA = Kind("schema"), Kind("json_schema")


def _object(**fields: Kind) -> Kind:
    return Kind("object", fields=fields)


_INT32 = 2**31

GENERATION: dict[str, Kind] = {
    "temperature": Kind("number", 0, 2),
    "topP": Kind("number", 0, 1),
    "topK": Kind("number", 0),
    "candidateCount": Kind("integer", 1, 8),
    "maxOutputTokens": Kind("integer", 1),
    "stopSequences": TEXTS,
    "responseLogprobs": BOOLEAN,
    "logprobs": Kind("integer", 0, 20),
    "presencePenalty": Kind("number", -2, 2),
    "frequencyPenalty": Kind("number", -2, 2),
    "seed": Kind("integer", -_INT32, _INT32 - 1),
    "responseMimeType": TEXT,
    "responseSchema": SCHEMA,
    "responseJsonSchema": JSON_SCHEMA,
    "responseFormat": OBJECTS,
    "routingConfig": _object(autoMode=OBJECT, manualMode=OBJECT),
    "modelSelectionConfig": _object(featureSelectionPreference=TEXT),
    "responseModalities": TEXTS,
    "mediaResolution": TEXT,
    "speechConfig": Kind(
        "text_or_object",
        fields={"voiceConfig": OBJECT, "languageCode": TEXT, "multiSpeakerVoiceConfig": OBJECT},
    ),
    "audioTimestamp": BOOLEAN,
    "thinkingConfig": _object(
        includeThoughts=BOOLEAN, thinkingBudget=Kind("integer", -1), thinkingLevel=TEXT
    ),
    "imageConfig": _object(
        aspectRatio=TEXT,
        imageSize=TEXT,
        personGeneration=TEXT,
        prominentPeople=TEXT,
        outputMimeType=TEXT,
        outputCompressionQuality=INTEGER,
        imageOutputOptions=OBJECT,
    ),
    "enableEnhancedCivicAnswers": BOOLEAN,
    "enableAffectiveDialog": BOOLEAN,
    "audioTranscriptionConfig": OBJECT,
    "translationConfig": _object(echoTargetLanguage=BOOLEAN, targetLanguageCode=TEXT),
    "generationOutputConfig": _object(outputUriPrefix=TEXT),
    "continuationToken": ANY,
    "automaticContinuation": BOOLEAN,
    "store": BOOLEAN,
}
"""Inside `generationConfig`."""

BESIDE: dict[str, Kind] = {
    "safetySettings": Kind("objects", fields={"category": TEXT, "method": TEXT, "threshold": TEXT}),
    "tools": Kind(
        "objects",
        fields={
            "retrieval": OBJECT,
            "computerUse": OBJECT,
            "fileSearch": OBJECT,
            "googleSearch": OBJECT,
            "googleMaps": OBJECT,
            "codeExecution": OBJECT,
            "enterpriseWebSearch": OBJECT,
            "functionDeclarations": Kind(
                "objects",
                fields={
                    "name": TEXT,
                    "description": TEXT,
                    "parameters": SCHEMA,
                    "parametersJsonSchema": JSON_SCHEMA,
                    "response": SCHEMA,
                    "responseJsonSchema": JSON_SCHEMA,
                    "behavior": TEXT,
                },
            ),
            "googleSearchRetrieval": OBJECT,
            "parallelAiSearch": OBJECT,
            "urlContext": OBJECT,
            "mcpServers": OBJECTS,
            "exaAiSearch": OBJECT,
        },
    ),
    "toolConfig": _object(
        retrievalConfig=OBJECT,
        functionCallingConfig=_object(
            allowedFunctionNames=TEXTS, mode=TEXT, streamFunctionCallArguments=BOOLEAN
        ),
        includeServerSideToolInvocations=BOOLEAN,
    ),
    "cachedContent": TEXT,
    "modelArmorConfig": _object(promptTemplateName=TEXT, responseTemplateName=TEXT),
    "serviceTier": TEXT,
}
"""Beside `contents` and `generationConfig`."""

RENAMED = {"modelConfig": "modelSelectionConfig"}
"""Names in a REST request that google-genai spells otherwise."""
