"""Clients, where botocore's own choice is not Hub's."""

from urllib.parse import urlsplit

import pytest

from hub import aws as clients


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("region", "endpoint", "address"),
    [
        ("ap-southeast-1", "", "https://a-bucket.s3.ap-southeast-1.amazonaws.com/files/1"),
        ("cn-north-1", "", "https://a-bucket.s3.cn-north-1.amazonaws.com.cn/files/1"),
        ("us-east-1", "http://127.0.0.1:4566", "http://127.0.0.1:4566/a-bucket/files/1"),
    ],
)
def test_a_presigned_address_leads_to_the_bucket_s_own_region(
    monkeypatch: pytest.MonkeyPatch, region: str, endpoint: str, address: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    clients.forget_clients()
    url = clients.s3().generate_presigned_url("put_object", Params={"Bucket": "a-bucket", "Key": "files/1"})
    clients.forget_clients()
    assert urlsplit(url)._replace(query="").geturl() == address
