"""Sends a tiny made-up picture through the gateway: what ``helm test`` runs."""

# ruff: noqa: T201, S310 - it talks to whoever runs the test, and to the address that the chart gives it

import os
import sys
import time
import urllib.error
import urllib.request
import uuid

from limner.canary import SIDE, canary_png

SECONDS = 300
SERVER = os.environ["SERVER"]
KEY = os.environ.get("LIMNER_API_KEY", "")


def form() -> tuple[str, bytes]:
    """Its content type, and its body: the picture and the options under which no heavy network is needed."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="'
    fields = {"background": "lanczos", "restorer": "none", "output_format": "png"}
    text = "".join(f'{head}{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    text += f'{head}file"; filename="canary.png"\r\nContent-Type: image/png\r\n\r\n'
    body = text.encode() + canary_png() + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


def call(path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Status and content of an answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(SERVER + path, body, names)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def wait_until_ready() -> None:
    """Until a gateway says that a photo came through a short while ago."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            status, content = call("/readyz")
        except OSError as error:
            status, content = 0, str(error).encode()
        if status == 200:
            return
        if time.monotonic() > deadline:
            sys.exit(f"{SERVER} is not ready after {SECONDS} s: {status} {content[:500]!r}")
        time.sleep(2)


def enhance() -> None:
    """The picture comes back twice as large; without a key, where one is needed, it is refused."""
    kind, body = form()
    status, content = call("/v1/enhance", body, Content_Type=kind)
    if status == 401:
        print("Without a key: refused, as it should be.")
        if not KEY:
            print("Ready, so Triton enhances. To send a picture with a key, too, set tests.keySecret.")
            return
        status, content = call("/v1/enhance", body, Content_Type=kind, Authorization=f"Bearer {KEY}")
    elif KEY:
        sys.exit(f"There is a key, but the gateway took a picture without: {status}")
    if status != 200:
        sys.exit(f"POST /v1/enhance: {status} {content[:500]!r}")
    width, height = (int.from_bytes(content[place : place + 4], "big") for place in (16, 20))
    if not content.startswith(b"\x89PNG") or (width, height) != (2 * SIDE, 2 * SIDE):
        sys.exit(f"A picture of {2 * SIDE} pixels a side was due, and {len(content)} other bytes came.")
    print(f"A picture of {SIDE} pixels a side came back with {width}.")


wait_until_ready()
enhance()
