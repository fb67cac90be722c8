"""A program for the environment of the stores: fills a bucket of a moto server, and locks it.

.venv-stores/bin/python tests/cluster/sources/bucket.py http://10.250.0.1:9000 BUCKET/PREFIX FOLDER [KEYS]

Without keys it makes a user first, who alone may ask from then on, and prints the user's keys as JSON.
"""

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any


def client(service: str, endpoint: str, key: str, secret: str) -> Any:
    import boto3  # type: ignore[import-not-found]  # noqa: PLC0415 - only that environment has it

    keys = {"aws_access_key_id": key, "aws_secret_access_key": secret}
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", **keys)


def user(endpoint: str) -> tuple[str, str]:
    """Somebody who may do everything with S3; everybody may make one until the server is locked."""
    iam = client("iam", endpoint, "x", "x")
    iam.create_user(UserName="reader")
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=policy)
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def main(endpoint: str, place: str, folder: str, *keys: str) -> None:
    key, secret = keys or user(endpoint)
    bucket, _, prefix = place.partition("/")
    store = client("s3", endpoint, key, secret)
    if not keys:
        store.create_bucket(Bucket=bucket)
    for file in Path(folder).iterdir():
        store.put_object(Bucket=bucket, Key=f"{prefix}/{file.name}", Body=file.read_bytes())
    if not keys:
        plain = {"Content-Type": "text/plain"}  # the body of a form is no data to Flask
        lock = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=b"0", headers=plain)
        urllib.request.urlopen(lock).close()
        print(json.dumps({"accessKeyId": key, "secretAccessKey": secret}))


if __name__ == "__main__":
    main(*sys.argv[1:])
