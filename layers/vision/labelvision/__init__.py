"""The eye: sees images, and trains and runs small models on what it sees.

Bytes and values in, values out: it reads no files but its weights, and knows no AWS.
"""
