"""Flask, alone or instrumented when OTEL is set, under gunicorn; the same answer as all others."""

import os

from flask import Flask, Response


def instrument(flask_app: Flask) -> None:
    """As OpenTelemetry's documentation for Flask does it, with the SDK's defaults."""
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(insecure=True)))
    trace.set_tracer_provider(provider)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(insecure=True))
    metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
    FlaskInstrumentor().instrument_app(flask_app)


app = Flask(__name__)

# Gunicorn imports this in each worker, after the fork, so the exporter's threads are there.
if os.environ.get("OTEL"):
    instrument(app)


@app.get("/health")
def health() -> Response:
    """The health check."""
    return Response('{"status":"healthy"}', content_type="application/json")
