"""The words of e-mails, by what they are about; ``to_operator`` has them all by kind."""
