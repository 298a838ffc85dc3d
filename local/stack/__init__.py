"""The template, and the stack that is deployed from it."""
