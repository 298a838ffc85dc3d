"""The only modules that import boto3: one gateway a service or table, each small.

A gateway takes and gives values of ours, and raises errors of ours: see ``aws.failures``.
"""
