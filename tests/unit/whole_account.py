"""All that an account in memory holds, as text: for what must be nowhere in it."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

from tests.unit.account import TABLES, Account


def texts(account: Account) -> Iterator[tuple[str, str]]:
    """Everything that is kept, with where that is: object versions and delete markers, what stands
    beside them, items and parameters.
    """
    s3 = account.boto3("s3")
    for entry in object_versions(account):
        where = f"{entry['Key']} {entry['VersionId']}"
        yield where, entry["Key"]
        if "ETag" in entry:
            which = {"Key": entry["Key"], "VersionId": entry["VersionId"]}
            found = s3.get_object(Bucket=account.bucket, **which)
            body = found["Body"].read()
            packed = entry["Key"].endswith(".gz")
            yield where, (gzip.decompress(body) if packed else body).decode(errors="replace")
            yield where, str(found["Metadata"])
    for table in TABLES:
        for item in account.items(table):
            yield table, str(item)
    for page in account.boto3("ssm").get_paginator("describe_parameters").paginate():
        for parameter in page["Parameters"]:
            name = parameter["Name"]
            value = account.boto3("ssm").get_parameter(Name=name)["Parameter"]["Value"]
            yield name, f"{name} {value} {parameter.get('Description')}"


def object_versions(account: Account) -> list[dict[str, Any]]:
    """Every version of every object, and every delete marker."""
    pages = (
        account.boto3("s3").get_paginator("list_object_versions").paginate(Bucket=account.bucket)
    )
    kinds = ("Versions", "DeleteMarkers")
    return [entry for page in pages for kind in kinds for entry in page.get(kind, [])]


def naming(account: Account, *names: str) -> list[str]:
    """Where one of these stands, or stood: as it is, as JSON and Python write it, also in JSON."""
    forms = {form for name in names for form in (name, repr(name)[1:-1], ascii(name)[1:-1])}
    for ascii_only in (True, False) * 2:
        forms |= {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in forms}
    return [where for where, text in texts(account) if any(form in text for form in forms)]
