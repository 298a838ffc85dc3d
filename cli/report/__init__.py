"""`labelloop report`: the verdict on a version, told as text and page."""
