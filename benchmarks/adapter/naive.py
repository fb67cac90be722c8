"""The adapter that one would write first, to compare with: lists pods and parses pages for every request.

`python -m benchmarks.adapter.naive PORT FOLDER`, KUBECONFIG as for ours; the folder holds tls.crt, tls.key.
It neither watches nor caches, reads pages with prometheus_client's parser, and checks nobody's certificate.
"""

import asyncio
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from kubernetes.aio import client, config
from paddlemodel_api import contract
from prometheus_client.parser import text_string_to_metric_families

PATH = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/{namespace}/pods/*/{metric}"


async def _value(session: aiohttp.ClientSession, address: str, metric: str) -> float:
    async with session.get(f"http://{address}:{contract.ADMIN_PORT}/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())
    return next(sample.value for family in families for sample in family.samples if sample.name == metric)


async def _item(session: aiohttp.ClientSession, pod: Any, metric: str) -> dict[str, Any]:
    value = await _value(session, pod.status.pod_ip, metric)
    described = {"kind": "Pod", "namespace": pod.metadata.namespace, "name": pod.metadata.name}
    return {"describedObject": described, "metric": {"name": metric}, "value": str(value)}


def _application(pods: client.CoreV1Api, session: aiohttp.ClientSession) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        namespace, metric = request.match_info["namespace"], request.match_info["metric"]
        found = await pods.list_namespaced_pod(namespace, label_selector=request.query["labelSelector"])
        items = await asyncio.gather(*(_item(session, pod, metric) for pod in found.items))
        return web.json_response({"kind": "MetricValueList", "metadata": {}, "items": items})

    application = web.Application()
    application.router.add_get(PATH, answer)
    application.router.add_get("/healthz", _healthy)
    return application


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _main(port: int, folder: Path) -> None:
    await config.load_kube_config()  # type: ignore[no-untyped-call]  # the client has no types here
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    async with aiohttp.ClientSession() as session, client.ApiClient() as api:
        runner = web.AppRunner(_application(client.CoreV1Api(api), session), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), Path(sys.argv[2])))
