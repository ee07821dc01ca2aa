/**
 * OpenTelemetry, loaded where a collector is named. Its own variables (`OTEL_…`) say how spans are sampled and sent.
 * The provider is not the process's: Next would record spans of its own through it, which hold paths, and so users' ids.
 */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type SpanContext } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

import type { Tracing } from "./tracing";

/** W3C Trace Context. A version after 00 may have more behind what we know, and ff is none. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;
const SERVER_ERROR = 500;

export function makeTracing(): Tracing {
  const named = resourceFromAttributes({ "service.name": "web", "service.namespace": "natter" });
  const provider = new BasicTracerProvider({
    resource: defaultResource().merge(named).merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer("natter");
  return {
    begin(request, route) {
      const parent = parentOf(request.headers);
      const attributes = {
        "http.request.method": request.method,
        "url.scheme": new URL(request.url).protocol.slice(0, -1),
        ...(route === null ? {} : { "http.route": route }),
      };
      const name = route === null ? request.method : `${request.method} ${route}`;
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent ?? ROOT_CONTEXT);
      return {
        headers: {
          traceparent: traceparentOf(span.spanContext()),
          tracestate: parent === null ? null : request.headers.get("tracestate"),
        },
        end(status) {
          span.setAttribute("http.response.status_code", status);
          if (status >= SERVER_ERROR) {
            span.setAttribute("error.type", String(status));
            span.setStatus({ code: SpanStatusCode.ERROR });
          }
          span.end();
        },
      };
    },
    stop: () => provider.shutdown(),
  };
}

/** The trace that the browser began, or null where there is none to go on with. */
function parentOf(headers: Headers): Context | null {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(headers.get("traceparent") ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  const parent = { traceId, spanId, traceFlags: parseInt(flags, 16) & 1, isRemote: true };
  return /[^0]/.test(traceId) && /[^0]/.test(spanId) ? trace.setSpanContext(ROOT_CONTEXT, parent) : null;
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
