"""A program for the environment of the stores: writes the files of a folder to a bucket.

.venv-stores/bin/python tests/cluster/sources/bucket.py http://10.250.0.1:9000 BUCKET/PREFIX FOLDER KEY SECRET
"""

import sys
from pathlib import Path


def main(endpoint: str, place: str, folder: str, key: str, secret: str) -> None:
    import boto3  # type: ignore[import-not-found]  # noqa: PLC0415 - only that environment has it

    keys = {"aws_access_key_id": key, "aws_secret_access_key": secret}
    store = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
    bucket, _, prefix = place.partition("/")
    store.create_bucket(Bucket=bucket)
    for file in Path(folder).iterdir():
        store.put_object(Bucket=bucket, Key=f"{prefix}/{file.name}", Body=file.read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
