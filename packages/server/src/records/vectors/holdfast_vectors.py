"""A second implementation of the stored formats, to hold the first against. Written from docs/formats.md.

    holdfast_vectors.py make DIR    writes new records.json and keyset.json
    holdfast_vectors.py check DIR   opens and rebuilds everything in them; ends with 1 at the first difference

Needs Python 3 and its package `cryptography`. It is for tests: it does not compare in constant time.
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ZERO_NONCE = bytes(12)
SHAPES = {"cell": 1, "rows": 2}
SMALLEST = 69 + 16 + 16


class Refused(Exception):
    """A record that does not open; the argument is the reason."""


def label(text):
    return text.encode("ascii") + b"\0"


def lp(data):
    return struct.pack(">I", len(data)) + data


def address_of(address_key, space, key):
    message = label("holdfast/v1/address") + lp(space.encode()) + lp(key)
    return hmac.new(address_key, message, hashlib.sha256).digest()


def derive(secret, salt, key):
    message = struct.pack(">I", 1) + label("holdfast/v1/record") + salt + lp(key) + struct.pack(">I", 512)
    block = hmac.new(secret, message, hashlib.sha512).digest()
    return block[:32], block[32:]


def associated(header, shape, space, address, order):
    return header + bytes([SHAPES[shape]]) + lp(space.encode()) + address + lp(order)


def seal(key_id, secret, salt, place, written_at, expires_at, value):
    shape, space, address, key, order = place
    encryption_key, commitment = derive(secret, salt, key)
    header = b"\x01" + struct.pack(">I", key_id) + salt + commitment
    plaintext = struct.pack(">QQ", written_at, expires_at) + value
    aad = associated(header, shape, space, address, order)
    return header + AESGCM(encryption_key).encrypt(ZERO_NONCE, plaintext, aad)


def open_sealed(keys, place, sealed):
    shape, space, address, key, order = place
    if len(sealed) < SMALLEST or sealed[0] != 1:
        raise Refused("malformed")
    (key_id,) = struct.unpack(">I", sealed[1:5])
    if key_id not in keys:
        raise Refused("unknown-key")
    if keys[key_id]["state"] == "disabled":
        raise Refused("disabled-key")
    encryption_key, commitment = derive(keys[key_id]["secret"], sealed[5:37], key)
    if commitment != sealed[37:69]:
        raise Refused("commitment")
    try:
        aad = associated(sealed[:69], shape, space, address, order)
        plaintext = AESGCM(encryption_key).decrypt(ZERO_NONCE, sealed[69:], aad)
    except InvalidTag:
        raise Refused("tag") from None
    written_at, expires_at = struct.unpack(">QQ", plaintext[:16])
    return key_id, written_at, expires_at, plaintext[16:]


def etag_of(sealed):
    digest = hashlib.sha256(b"etag" + sealed[37:69]).digest()[:16]
    return '"' + base64.urlsafe_b64encode(digest).rstrip(b"=").decode() + '"'


def passphrase_key(passphrase, salt):
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=2**17, r=8, p=1, maxmem=2**28, dklen=32)


def keyset_check(keyset, payload):
    message = label("holdfast/v1/unwrapped-keyset") + lp(keyset["room"].encode()) + lp(payload.encode())
    return hmac.new(bytes.fromhex(keyset["addressKey"]), message, hashlib.sha256).digest()


def b64(data):
    return base64.b64encode(data).decode()


def payload_of(keyset):
    keys = [{**key, "secret": b64(bytes.fromhex(key["secret"]))} for key in keyset["keys"]]
    return json.dumps({"addressKey": b64(bytes.fromhex(keyset["addressKey"])), "keys": keys})


def wrap(keyset, passphrase):
    salt = os.urandom(32)
    aad = label("holdfast/v1/wrapped-keyset") + lp(keyset["room"].encode())
    sealed = AESGCM(passphrase_key(passphrase, salt)).encrypt(ZERO_NONCE, payload_of(keyset).encode(), aad)
    head = {"format": "holdfast-keyset", "version": 1, "room": keyset["room"], "wrap": "passphrase"}
    return {**head, "salt": b64(salt), "keys": b64(sealed)}


def unwrapped(keyset):
    payload = payload_of(keyset)
    head = {"format": "holdfast-keyset", "version": 1, "room": keyset["room"], "wrap": "none"}
    return {**head, "keys": payload, "check": b64(keyset_check(keyset, payload))}


def open_wrapped(file, passphrase):
    aad = label("holdfast/v1/wrapped-keyset") + lp(file["room"].encode())
    key = passphrase_key(passphrase, base64.b64decode(file["salt"]))
    return AESGCM(key).decrypt(ZERO_NONCE, base64.b64decode(file["keys"]), aad).decode()


def keys_by_id(keyset):
    return {key["id"]: {**key, "secret": bytes.fromhex(key["secret"])} for key in keyset["keys"]}


def place_of(keyset, vector):
    key = bytes.fromhex(vector["key"])
    address = address_of(bytes.fromhex(keyset["addressKey"]), vector["space"], key)
    return vector["shape"], vector["space"], address, key, bytes.fromhex(vector["order"])


def make_keyset():
    keys = [
        {"id": 1, "state": "primary", "createdAt": 1790000000000, "secret": bytes(range(32)).hex()},
        {"id": 0xFFFFFFFE, "state": "enabled", "createdAt": 1780000000000, "demotedAt": 1790000000001},
        {"id": 77, "state": "disabled", "createdAt": 1770000000000, "demotedAt": 1780000000000},
    ]
    for key in keys[1:]:
        key["secret"] = os.urandom(32).hex()
    return {"room": "stores", "addressKey": bytes(range(32, 64)).hex(), "keys": keys}


def make_record(keyset, name, key, value, **options):
    key_id, space = options.get("key_id", 1), options.get("space", "store:sessions")
    order = options.get("order", b"")
    shape = "rows" if order else "cell"
    times = options.get("times", (1790000000000, 1790086400000))
    vector = {"name": name, "shape": shape, "space": space, "key": key.hex(), "order": order.hex()}
    place = place_of(keyset, vector)
    secret = keys_by_id(keyset)[key_id]["secret"]
    sealed = seal(key_id, secret, options.get("salt", os.urandom(32)), place, *times, value)
    more = {"keyId": key_id, "writtenAt": times[0], "expiresAt": times[1], "value": value.hex()}
    return {**vector, **more, "address": place[2].hex(), "sealed": sealed.hex(), "etag": etag_of(sealed)}


def make_records(keyset):
    example_salt = bytes(range(0xA0, 0xC0))
    records = [
        make_record(keyset, "worked example", b"wiki:MWSession:0123456789", b"Alice", salt=example_salt),
        make_record(keyset, "empty value, no expiry", b"k", b"", space="store:echoseen", times=(1790000000000, 0)),
        make_record(keyset, "every byte in the key", bytes(range(256)), os.urandom(1536)),
        make_record(keyset, "longest key", os.urandom(4096), os.urandom(100)),
        make_record(keyset, "older key", os.urandom(43), os.urandom(33), key_id=0xFFFFFFFE),
        make_record(keyset, "latest times", b"k", b"v", times=(2**53 - 2, 2**53 - 1)),
        make_record(keyset, "row", b"user:7", os.urandom(64), space="room:sessions/by-user", order=b"\0"),
        make_record(keyset, "longest order", b"user:7", b"row", space="room:sessions/by-user", order=os.urandom(64)),
    ]
    disabled = make_record(keyset, "key is disabled", b"k", b"v", key_id=77)
    first, row = records[0], records[6]

    def changed(name, reason, base, **change):
        kept = {field: base[field] for field in ("shape", "space", "key", "order", "sealed")}
        return {"name": name, **kept, **change, "reason": reason}

    def edited(base, at, byte):
        sealed = bytearray.fromhex(base["sealed"])
        sealed[at] ^= byte
        return sealed.hex()

    refused = [
        changed("key is disabled", "disabled-key", disabled),
        changed("key is unknown", "unknown-key", first, sealed=edited(first, 1, 0x10)),
        changed("other version", "malformed", first, sealed=edited(first, 0, 0x03)),
        changed("one byte too short to be a record", "malformed", first, sealed=first["sealed"][: 2 * (SMALLEST - 1)]),
        changed("nothing", "malformed", first, sealed=""),
        changed("salt edited", "commitment", first, sealed=edited(first, 36, 0x80)),
        changed("commitment edited", "commitment", first, sealed=edited(first, 37, 0x01)),
        changed("expiry edited", "tag", first, sealed=edited(first, 80, 0x01)),
        changed("value edited", "tag", first, sealed=edited(first, 85, 0x01)),
        changed("tag edited", "tag", first, sealed=edited(first, -1, 0x01)),
        changed("value cut", "tag", first, sealed=first["sealed"][:-2]),
        changed("other key", "commitment", first, key=b"wiki:MWSession:0123456780".hex()),
        changed("other space", "tag", first, space="store:echoseen"),
        changed("other shape", "tag", row, shape="cell", order=""),
        changed("other order", "tag", row, order="01"),
    ]
    return {"keyset": keyset, "records": records, "refused": refused}


def expect(name, what, found, wanted):
    if found != wanted:
        sys.exit(f"{name}: {what} is {found!r}, wanted {wanted!r}")


def check_records(file):
    keyset, keys = file["keyset"], keys_by_id(file["keyset"])
    for vector in file["records"]:
        name, place, sealed = vector["name"], place_of(keyset, vector), bytes.fromhex(vector["sealed"])
        expect(name, "address", place[2].hex(), vector["address"])
        value = bytes.fromhex(vector["value"])
        wanted = (vector["keyId"], vector["writtenAt"], vector["expiresAt"], value)
        expect(name, "record", open_sealed(keys, place, sealed), wanted)
        rebuilt = seal(wanted[0], keys[wanted[0]]["secret"], sealed[5:37], place, *wanted[1:])
        expect(name, "sealed", rebuilt.hex(), vector["sealed"])
        expect(name, "etag", etag_of(sealed), vector["etag"])
    for vector in file["refused"]:
        try:
            open_sealed(keys, place_of(keyset, vector), bytes.fromhex(vector["sealed"]))
            outcome = "opened"
        except Refused as refusal:
            outcome = str(refusal)
        expect(vector["name"], "outcome", outcome, vector["reason"])


def check_keyset(file):
    keyset = file["keyset"]
    wanted = json.loads(payload_of(keyset))
    expect("wrapped", "keys", json.loads(open_wrapped(file["wrapped"], file["passphrase"])), wanted)
    plain = file["unwrapped"]
    expect("unwrapped", "keys", json.loads(plain["keys"]), wanted)
    expect("unwrapped", "check", plain["check"], b64(keyset_check(keyset, plain["keys"])))


def main():
    command, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if command == "make":
        keyset, passphrase = make_keyset(), "correct horse battery staple"
        files = {"keyset": keyset, "passphrase": passphrase, "wrapped": wrap(keyset, passphrase)}
        made = {"records.json": make_records(keyset), "keyset.json": {**files, "unwrapped": unwrapped(keyset)}}
        for name, content in made.items():
            (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    elif command == "check":
        records = json.loads((folder / "records.json").read_text())
        check_records(records)
        check_keyset(json.loads((folder / "keyset.json").read_text()))
        print(f"{len(records['records'])} records open, {len(records['refused'])} are refused, 2 keysets open")
    else:
        sys.exit(__doc__)


main()
