"""One database of Firestore: calls, queries, values and errors."""
