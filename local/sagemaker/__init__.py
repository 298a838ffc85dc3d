"""The part of Amazon SageMaker that Amazon A2I needs, on this machine.

``service`` has the operations, ``human_loops`` what happens in a loop. Requests and answers are
those of the services' own JSON, checked against botocore's models. People are whoever posts to
``/_local/human-loops/<name>``; what they see is not drawn.

What AWS does not say, and how it is here: a work team or a flow definition that is not there is a
ValidationException; a second workforce is a ResourceLimitExceeded; a flow definition whose loops
are under way cannot be deleted.
"""
