"""A bucket that speaks S3's API: where it is, how to get in, and what its clients' failures mean in words of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from allears.errors import NotFound, Refused, WorldFailed

OWNER = "owner"
"""The object that names the space a prefix belongs to."""
_NOT_ALLOWED = (
    "403 Forbidden",
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ACCESS_DENIED",
)
_NO_BUCKET = ("NoSuchBucket", "NO_SUCH_BUCKET")
_NO_CONDITION = ("501 Not Implemented", "<Code>NotImplemented")


@dataclass(frozen=True)
class Bucket:
    """A prefix of a bucket; key and secret are in no ``repr``."""

    url: str
    region: str
    endpoint: str = ""
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def bucket_of(url: str, region: str, endpoint: str, environment: Mapping[str, str]) -> Bucket:
    """Describe a bucket with the key that the environment holds, under the names S3's tools use."""
    return Bucket(
        url,
        region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1",
        endpoint or environment.get("AWS_ENDPOINT_URL", ""),
        environment.get("AWS_ACCESS_KEY_ID", ""),
        environment.get("AWS_SECRET_ACCESS_KEY", ""),
        environment.get("AWS_SESSION_TOKEN", ""),
    )


def root_of(bucket: Bucket, place: str) -> tuple[str, str]:
    """Name the bucket and the prefix in it.

    Raises
    ------
    Refused
        The address is not ``s3://bucket/prefix``.

    Examples
    --------
    >>> root_of(Bucket("s3://ears/shop/lake/", "eu-west-1"), "url")
    ('ears', 'shop/lake')
    """
    kind, _, root = bucket.url.partition("://")
    name, _, prefix = root.strip("/").partition("/")
    if kind != "s3" or not name or not prefix or "@" in name:
        raise Refused("expected a folder, or s3://bucket/prefix without credentials", place=place)
    return name, prefix


def bucket_failed(error: Exception, place: str, why: str = "cannot be reached") -> WorldFailed | NotFound:
    """Say what failed. Of a bucket's words only the kind is told: they hold addresses and names of keys."""
    told = str(error)
    if any(word in told for word in _NO_BUCKET):
        return NotFound("there is no such bucket", place=place)
    if any(word in told for word in _NOT_ALLOWED):
        return WorldFailed("the bucket does not let this key in, or not do this", place=place, again=True)
    if any(word in told for word in _NO_CONDITION):
        return WorldFailed("this store has no conditional writes, which are needed", place=place, again=False)
    return WorldFailed(f"the bucket {why} ({type(error).__name__})", place=place, again=True)


def client_of(bucket: Bucket, place: str, timeout: float) -> Any:
    """Make a client that puts only where there is nothing yet; ``timeout`` in seconds, for one request.

    Raises
    ------
    Refused
        The extra ``bucket`` is not installed, or the address is wrong.
    """
    name, prefix = root_of(bucket, place)
    try:
        from obstore.store import S3Store
    except ImportError:
        raise Refused('a bucket needs the extra: pip install "allears[bucket]"', place=place) from None
    given: dict[str, Any] = {
        "region": bucket.region,
        "endpoint": bucket.endpoint,
        "access_key_id": bucket.key,
        "secret_access_key": bucket.secret,
        "token": bucket.token,
    }
    return S3Store(
        name,
        prefix=prefix,
        client_options={
            "allow_http": bucket.endpoint.startswith("http://"),
            "timeout": timedelta(seconds=timeout),
            "connect_timeout": timedelta(seconds=min(timeout, 5.0)),
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=timeout)},
        **{name: value for name, value in given.items() if value},
    )


def claim(client: Any, owner: str, place: str) -> None:
    """See that a prefix is this space's own: the first to come puts its name there, where there must be none yet.

    Raises
    ------
    Refused
        Another space's name is there.
    """
    import obstore
    from obstore.exceptions import AlreadyExistsError

    try:
        obstore.put(client, OWNER, owner.encode(), mode="create")
    except AlreadyExistsError:
        if bytes(obstore.get(client, OWNER).bytes()).decode("ascii", "replace") != owner:
            raise Refused(
                "this place holds another space's data; each space needs its own", place=place
            ) from None


def filesystem_of(bucket: Bucket) -> Any:
    """Open the bucket's files as Arrow reads them."""
    from pyarrow import fs

    scheme, _, host = bucket.endpoint.rpartition("://")
    given: dict[str, Any] = {"access_key": bucket.key, "secret_key": bucket.secret} if bucket.secret else {}
    if bucket.token:
        given["session_token"] = bucket.token
    if host:
        given |= {"endpoint_override": host, "scheme": scheme or "https"}
    return fs.S3FileSystem(region=bucket.region, connect_timeout=10, request_timeout=60, **given)
