"""Flask under gunicorn, instrumented if OTEL is set, with the response of every other server."""

import os

from flask import Flask, Response


def instrument(flask_app: Flask) -> None:
    """Set up tracing and metrics as OpenTelemetry's documentation for Flask does, with the SDK's defaults."""
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

# Gunicorn imports this module in each worker after the fork, so the exporter's threads survive.
if os.environ.get("OTEL"):
    instrument(app)


@app.get("/health")
def health() -> Response:
    """Answer the health check."""
    return Response('{"status":"healthy"}', content_type="application/json")
