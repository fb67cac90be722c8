"""A Kubernetes device plugin for GPUs that do not exist: the node's real kubelet hands them out.

It speaks the kubelet's device plugin API (v1beta1) over its real socket, and gives each container what
NVIDIA's plugin and runtime give it: the devices' names in NVIDIA_VISIBLE_DEVICES, files named /dev/nvidiaN,
and the NVML library. Only the hardware is simulated, and Paddle's use of it (`simulated_gpu`).

Runs inside the node's namespaces; started by `gpus.plug`.
Usage: python -m devcluster.nodes.device_plugin PLAN_FILE
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

RESOURCE = "nvidia.com/gpu"
_VERSION = "v1beta1"
_ENDPOINT = "simulated-gpu.sock"
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
    "DeviceSpec": [
        ("container_path", 1, _TEXT, "", False),
        ("host_path", 2, _TEXT, "", False),
        ("permissions", 3, _TEXT, "", False),
    ],
    "ContainerAllocateResponse": [
        ("envs", 1, _MESSAGE, "Env", True),
        ("mounts", 2, _MESSAGE, "Mount", True),
        ("devices", 3, _MESSAGE, "DeviceSpec", True),
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What there is, and what a container that gets some of it finds.

    Attributes:
        kubelet: The folder of the kubelet's socket.
        uuids: The devices' names.
        mounts: Pairs of a path here and one in the container; read-only.
        control: The folder in which a file for each allocation, named by its first device, says what NVML
            answers; SIMULATED_NVML names that file.
        control_inside: Where the container finds that folder.
        environment: Further variables.
    """

    kubelet: str
    uuids: list[str]
    mounts: list[tuple[str, str]]
    control: str
    control_inside: str
    environment: dict[str, str]

    def write(self, path: Path) -> None:
        """Save as JSON, for `read` in the plugin's process."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Load what `write` saved."""
        return cls(**json.loads(path.read_text()))


class SimulatedGpus(grpc.GenericRpcHandler):
    """The DevicePlugin service: healthy devices, and what a container that gets some finds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

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
        devices = [TYPES["Device"](ID=name, health="Healthy") for name in self._plan.uuids]
        yield TYPES["ListAndWatchResponse"](devices=devices)
        await asyncio.Event().wait()

    async def allocate(self, request: Any, _context: Any) -> Any:
        """Give each container what belongs to its devices."""
        answers = [self._given(list(container.devices_ids)) for container in request.container_requests]
        return TYPES["AllocateResponse"](container_responses=answers)

    def _given(self, uuids: list[str]) -> Any:
        plan, file = self._plan, uuids[0]
        Path(plan.control, file).write_text("".join(f"uuid={uuid} util=load\n" for uuid in uuids))
        environment = {
            **plan.environment,
            "NVIDIA_VISIBLE_DEVICES": ",".join(uuids),
            "SIMULATED_NVML": f"{plan.control_inside}/{file}",
        }
        return TYPES["ContainerAllocateResponse"](
            envs=[TYPES["Env"](key=key, value=value) for key, value in environment.items()],
            mounts=[
                TYPES["Mount"](host_path=host, container_path=inside, read_only=True)
                for host, inside in [*plan.mounts, (plan.control, plan.control_inside)]
            ],
            devices=[
                TYPES["DeviceSpec"](
                    host_path="/dev/null",  # any device will do: programs count the names
                    container_path=f"/dev/nvidia{plan.uuids.index(uuid)}",
                    permissions="rw",
                )
                for uuid in uuids
            ],
        )


async def serve(plan: Plan, folder: Path) -> None:
    """Serve on a socket in the kubelet's folder, register there, and again whenever the kubelet restarts."""
    endpoint, kubelet = folder / _ENDPOINT, folder / "kubelet.sock"
    while True:
        endpoint.unlink(missing_ok=True)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((SimulatedGpus(plan),))
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
    found = Plan.read(Path(sys.argv[1]))
    asyncio.run(serve(found, Path(found.kubelet)))
