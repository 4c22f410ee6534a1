from __future__ import annotations

import pytest

from ckpt_indexer.metadata.secrecy import is_secret, without_secrets


@pytest.mark.parametrize(
    "key",
    [
        "api_key", "apiKey", "API_KEY", "wandb.api_key", "db.password", "hub_token", "HFToken", "token", "auth",
        "aws.secret.name", "credentials.user", "private_key", "github_tokens", "logger.access_token",
    ],
)  # fmt: skip
def test_keys_of_secrets(key: str) -> None:
    assert is_secret(key, "some text")


@pytest.mark.parametrize(
    "key",
    [
        "pad_token",
        "eos_token_id",
        "tokenizer",
        "max_tokens",
        "monkey",
        "key",
        "sort_key",
        "authors",
        "keyboard",
        "lr",
        "",
    ],
)
def test_keys_of_parameters(key: str) -> None:
    assert not is_secret(key, "some text")


@pytest.mark.parametrize("value", [3, 0.5, True])
def test_numbers_are_no_secrets(value: object) -> None:
    assert not is_secret("use_auth_token", value)


@pytest.mark.parametrize(
    "text",
    [
        "hf_abcdefghijklmnopqrstuvwxyz", "ghp_abcdefghijklmnopqrstuvwxyz", "postgres://me:pass@host/db",
        "https://host/data?token=abc", "-----BEGIN RSA PRIVATE KEY-----", "sk-abcdefghijklmnopqrst",
        "AKIAABCDEFGHIJKLMNOP",
    ],
)  # fmt: skip
def test_texts_that_look_like_secrets(text: str) -> None:
    assert is_secret("note", text)
    assert is_secret("notes", ["fine", text])


@pytest.mark.parametrize(
    "text", ["adamw", "https://host/data", "s3://bucket/key", "me@host", "task-abcdefghijklmnopqrstu"]
)
def test_texts_that_do_not(text: str) -> None:
    assert not is_secret("note", text)


@pytest.mark.parametrize(
    "key",
    [
        "api_key", "logger.wandb.api_key", "WANDB_API_KEY", "apiKey", "APIKey", "apikey", "hub_token", "token",
        "auth.token", "hf_token", "use_auth_token", "push_to_hub_token",
        "password", "db.password", "db_password", "passwd",
        "secret", "aws_secret_access_key", "client_secret", "secrets.lr", "credentials.user", "private_key",
        "access-key", "notify[0].token",
    ],
)  # fmt: skip
def test_secrets_are_known_by_their_names(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize(
    "key",
    [
        "tokenizer", "max_tokens", "model.pad_token", "pad_token_id", "bos_token", "num_tokens", "class_token",
        "token_dim", "metric_key", "benchmark.metric_key", "keypoint_params.format", "key", "decoders.key",
        "secretary", "lr", "monkey", "keys", "passes", "compass.word",
    ],
)  # fmt: skip
def test_words_of_models_are_no_secrets(key: str) -> None:
    assert not is_secret(key)


def test_an_address_with_a_password_is_not_stored() -> None:
    params = {"uri": "postgres://me:pw@host/db", "lists": ["http://a:b@c"], "plain": "http://host:80/a@b", "lr": 0.1}
    assert without_secrets(params) == {"plain": "http://host:80/a@b", "lr": 0.1}
