"""A Kubernetes device plugin for GPUs that do not exist: the node's real kubelet hands them out.

It speaks the kubelet's device plugin API (v1beta1) over its real socket, and gives each container what
NVIDIA's plugin and runtime give it: the devices' names in NVIDIA_VISIBLE_DEVICES, and the NVML library, here
one that the tests build. Only the hardware is pretended.

Runs inside the node's namespaces; started by `gpus.plug`.
Usage: python -m devcluster.device_plugin PLUGIN_FOLDER COUNT [HOST_PATH:CONTAINER_PATH …]
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

RESOURCE = "nvidia.com/gpu"
_VERSION = "v1beta1"
_ENDPOINT = "pretended-gpu.sock"
_TEXT, _FLAG, _MESSAGE = 9, 8, 11  # FieldDescriptorProto.Type
#: The part of the kubelet's api.proto that is used: message -> (field, number, type, message type, repeated).
_MESSAGES: dict[str, list[tuple[str, int, int, str, bool]]] = {
    "Empty": [],
    "DevicePluginOptions": [("pre_start_required", 1, _FLAG, "", False)],
    "RegisterRequest": [
        ("version", 1, _TEXT, "", False),
        ("endpoint", 2, _TEXT, "", False),
        ("resource_name", 3, _TEXT, "", False),
    ],
    "Device": [("ID", 1, _TEXT, "", False), ("health", 2, _TEXT, "", False)],
    "ListAndWatchResponse": [("devices", 1, _MESSAGE, "Device", True)],
    "ContainerAllocateRequest": [("devices_ids", 1, _TEXT, "", True)],
    "AllocateRequest": [("container_requests", 1, _MESSAGE, "ContainerAllocateRequest", True)],
    "Env": [("key", 1, _TEXT, "", False), ("value", 2, _TEXT, "", False)],  # a map entry, on the wire
    "Mount": [
        ("container_path", 1, _TEXT, "", False),
        ("host_path", 2, _TEXT, "", False),
        ("read_only", 3, _FLAG, "", False),
    ],
    "ContainerAllocateResponse": [
        ("envs", 1, _MESSAGE, "Env", True),
        ("mounts", 2, _MESSAGE, "Mount", True),
    ],
    "AllocateResponse": [("container_responses", 1, _MESSAGE, "ContainerAllocateResponse", True)],
}


def _types() -> dict[str, type[Message]]:
    """The message classes, made from the table above."""
    file = descriptor_pb2.FileDescriptorProto(name="deviceplugin.proto", package=_VERSION, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, target, repeated in fields:
            added = message.field.add(name=field, number=number, label=3 if repeated else 1)
            added.type = kind  # type: ignore[assignment]  # the stub wants its enumeration
            if target:
                added.type_name = f".{_VERSION}.{target}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_VERSION}.{name}"))
        for name in _MESSAGES
    }


TYPES: dict[str, Any] = _types()


class PretendedGpus(grpc.GenericRpcHandler):
    """The DevicePlugin service: `count` healthy devices, and what a container that gets some finds."""

    def __init__(self, count: int, mounts: list[tuple[str, str]]) -> None:
        self._names = [f"GPU-pretended-{index}" for index in range(count)]
        self._mounts = mounts

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Find the method of a call."""
        name = handler_call_details.method.rsplit("/", 1)[-1]
        if name == "ListAndWatch":
            return grpc.unary_stream_rpc_method_handler(
                self.list_and_watch,
                request_deserializer=TYPES["Empty"].FromString,
                response_serializer=TYPES["ListAndWatchResponse"].SerializeToString,
            )
        plain = {
            "GetDevicePluginOptions": (self.options, "Empty", "DevicePluginOptions"),
            "Allocate": (self.allocate, "AllocateRequest", "AllocateResponse"),
        }
        if name not in plain:
            return None
        method, request, response = plain[name]
        return grpc.unary_unary_rpc_method_handler(
            method,
            request_deserializer=TYPES[request].FromString,
            response_serializer=TYPES[response].SerializeToString,
        )

    async def options(self, _request: Any, _context: Any) -> Any:
        """Neither of the optional calls is wanted."""
        return TYPES["DevicePluginOptions"]()

    async def list_and_watch(self, _request: Any, _context: Any) -> AsyncIterator[Any]:
        """Report the devices once; they never change while the stream is open."""
        devices = [TYPES["Device"](ID=name, health="Healthy") for name in self._names]
        yield TYPES["ListAndWatchResponse"](devices=devices)
        await asyncio.Event().wait()

    async def allocate(self, request: Any, _context: Any) -> Any:
        """Give each container its devices' names and the mounts."""
        answers = []
        for container in request.container_requests:
            names = ",".join(container.devices_ids)
            environment = [TYPES["Env"](key="NVIDIA_VISIBLE_DEVICES", value=names)]
            mounts = [
                TYPES["Mount"](host_path=host, container_path=inside, read_only=True)
                for host, inside in self._mounts
            ]
            answers.append(TYPES["ContainerAllocateResponse"](envs=environment, mounts=mounts))
        return TYPES["AllocateResponse"](container_responses=answers)


async def serve(folder: Path, count: int, mounts: list[tuple[str, str]]) -> None:
    """Serve on a socket in the kubelet's folder, register there, and again whenever the kubelet restarts."""
    endpoint, kubelet = folder / _ENDPOINT, folder / "kubelet.sock"
    while True:
        endpoint.unlink(missing_ok=True)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((PretendedGpus(count, mounts),))
        server.add_insecure_port(f"unix://{endpoint}")
        await server.start()
        await _register(kubelet)
        while endpoint.exists():  # noqa: ASYNC110 - a kubelet that starts removes every plugin's socket, without a word
            await asyncio.sleep(0.2)
        await server.stop(grace=0)


async def _register(kubelet: Path) -> None:
    request = TYPES["RegisterRequest"](version=_VERSION, endpoint=_ENDPOINT, resource_name=RESOURCE)
    while True:
        async with grpc.aio.insecure_channel(f"unix://{kubelet}") as channel:
            register = channel.unary_unary(
                f"/{_VERSION}.Registration/Register",
                request_serializer=TYPES["RegisterRequest"].SerializeToString,
                response_deserializer=TYPES["Empty"].FromString,
            )
            try:
                await register(request, timeout=5)
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.5)  # the kubelet is not there yet
            else:
                return


if __name__ == "__main__":
    plugin_folder, device_count, *pairs = sys.argv[1:]
    asyncio.run(
        serve(
            Path(plugin_folder),
            int(device_count),
            [(a, b) for a, _, b in (pair.partition(":") for pair in pairs)],
        )
    )
