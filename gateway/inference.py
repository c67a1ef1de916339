"""One call of one Triton server, on a connection of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient, InferResult

from gateway.addresses import Address
from gateway.trace import outgoing_headers

MAX_MESSAGE_BYTES = 2**31 - 1
CHANNEL_ARGUMENTS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # It takes milliseconds. gRPC would wait 20 seconds for a machine that has vanished.
    ("grpc.min_reconnect_backoff_ms", 5000),
    # Triton is near; a proxy named in the environment is for the world outside.
    ("grpc.enable_http_proxy", 0),
    # Else gRPC would keep the connection for the next channel to the same address.
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass(frozen=True)
class Call:
    """What is asked: one UINT8 tensor goes to ``model``, and ``outputs`` come back."""

    model: str
    tensor: str
    outputs: tuple[str, ...]
    request_id: str = ""
    parameters: dict[str, str] | None = None


async def infer(address: Address, call: Call, values: NDArray[np.uint8], timeout: float) -> InferResult:
    """Ask the server at ``address``, within ``timeout`` seconds.

    Raises:
        InferenceServerException: with the gRPC status and the server's words.
    """
    tensor = InferInput(call.tensor, list(values.shape), "UINT8")
    tensor.set_data_from_numpy(values)
    arguments = [*CHANNEL_ARGUMENTS, ("grpc.default_authority", address.authority)]
    async with InferenceServerClient(address.target, channel_args=arguments) as client:
        return await client.infer(
            call.model,
            [tensor],
            outputs=[InferRequestedOutput(output) for output in call.outputs],
            request_id=call.request_id,
            client_timeout=timeout,
            headers=outgoing_headers(),
            parameters=call.parameters,
        )
