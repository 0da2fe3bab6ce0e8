"""The Firebase emulator suite as a child process, with or without Java.

`suite` starts and stops firebase-tools; `java` stands in for the two JARs that firebase-tools would download
(Firestore, and the rules of Storage) where Java or the JARs are missing; `official` says whether they are.
Functions, tasks, storage and eventarc are firebase-tools' own emulators either way.
"""
