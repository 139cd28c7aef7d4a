"""Property values as the engine sees them: JSON, with Pulumi's marks for secrets and unknowns.

A secret is the object `{signature: secret, "value": ...}`, an unknown value one fixed string.
Numbers are integers where they are whole, as in the real engine's state file. This module knows
nothing of resources.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value

Properties = dict[str, Any]

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", 400 << 20),
    ("grpc.max_receive_message_length", 400 << 20),
    ("grpc.max_metadata_size", 16 << 20),
    ("grpc.absolute_max_metadata_size", 16 << 20),
]
"""Messages as large as the SDK's own channels take, and errors as long as the real engine's: they
travel as metadata."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def from_struct(struct: Struct) -> Properties:
    """Read the properties of a message."""
    return {key: from_value(value) for key, value in struct.fields.items()}


def from_value(value: Value) -> Any:
    """Read one value of a message; an output value becomes a plain, a secret or an unknown one."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = from_struct(value.struct_value)
        return _downgraded(fields) if fields.get(SIGNATURE) == OUTPUT else fields
    if kind == "list_value":
        return [from_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    return None


def _downgraded(output: Properties) -> Any:
    value = output.get("value", UNKNOWN)
    return as_secret(value) if output.get("secret") else value


def to_struct(properties: Mapping[str, Any]) -> Struct:
    """Write properties into a message."""
    return Struct(fields={key: to_value(value) for key, value in properties.items()})


def to_value(value: Any) -> Value:
    """Write one value into a message."""
    if value is None:
        return Value(null_value=NULL_VALUE)
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return Value(number_value=value)
    if isinstance(value, str):
        return Value(string_value=value)
    if isinstance(value, Mapping):
        return Value(struct_value=to_struct(value))
    return Value(list_value=ListValue(values=[to_value(item) for item in value]))


def as_secret(value: Any) -> Any:
    """Wrap a value as a secret, once."""
    return value if is_secret(value) else {SIGNATURE: SECRET, "value": value}


def is_secret(value: Any) -> bool:
    """Tell whether this very value is wrapped as a secret."""
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def contains_secret(value: Any) -> bool:
    """Tell whether the value or a part of it is a secret."""
    return is_secret(value) or any(contains_secret(part) for part in _parts(value))


def contains_unknown(value: Any) -> bool:
    """Tell whether the value or a part of it is unknown."""
    return value == UNKNOWN or any(contains_unknown(part) for part in _parts(value))


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def revealed(value: Any) -> Any:
    """Take every secret out of its wrapping."""
    if is_secret(value):
        return revealed(value["value"])
    if isinstance(value, dict):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [revealed(item) for item in value]
    return value


def without_unknowns(value: Any) -> Any:
    """Leave unknown parts out of a plain value."""
    if isinstance(value, dict):
        return {key: without_unknowns(item) for key, item in value.items() if item != UNKNOWN}
    if isinstance(value, list):
        return [without_unknowns(item) for item in value if item != UNKNOWN]
    return value


def same(left: Any, right: Any) -> bool:
    """Compare two values as JSON: `true` is not `1`, and a secret equals only a secret."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def with_secrets_of(outputs: Properties, inputs: Mapping[str, Any]) -> Properties:
    """Make secret again what a provider that gets no secrets has answered in plain text.

    Objects on both sides are gone through; anywhere else, one secret inside an input makes the
    whole output secret.
    """
    result = dict(outputs)
    for key, given in inputs.items():
        if key not in result:
            continue
        answered = result[key]
        if _is_object(answered) and _is_object(given):
            result[key] = with_secrets_of(answered, given)
        elif contains_secret(given):
            result[key] = as_secret(answered)
    return result


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and SIGNATURE not in value


def with_secret_keys(outputs: Properties, keys: Iterable[str]) -> Properties:
    """Make the outputs of these names secret."""
    wanted = set(keys)
    return {key: as_secret(value) if key in wanted else value for key, value in outputs.items()}


def to_stored(value: Any) -> Any:
    """Turn a value into what a state file holds: the text of a secret's JSON under `plaintext`."""
    if is_secret(value):
        return {SIGNATURE: SECRET, "plaintext": json.dumps(revealed(value["value"]))}
    if isinstance(value, dict):
        return {key: to_stored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_stored(item) for item in value]
    return value


def from_stored(value: Any) -> Any:
    """Undo `to_stored`."""
    if is_secret(value):
        if "plaintext" not in value:
            raise ValueError("the state holds an encrypted secret; export it with --show-secrets")
        return as_secret(json.loads(value["plaintext"]))
    if isinstance(value, dict):
        return {key: from_stored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_stored(item) for item in value]
    return value
