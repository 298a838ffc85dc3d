"""Rules and values. No AWS, no clock, no environment: everything comes in as arguments."""
