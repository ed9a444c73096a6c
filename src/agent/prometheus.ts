import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * Of prom-client only what the agent uses: the whole of it also loads a telemetry API and what counts over clusters of
 * processes, 15 MB that an agent has no use for.
 */
export const Registry: typeof import('prom-client').Registry = require('prom-client/lib/registry.js');
export const Counter: typeof import('prom-client').Counter = require('prom-client/lib/counter.js');
export const Gauge: typeof import('prom-client').Gauge = require('prom-client/lib/gauge.js');
export const Histogram: typeof import('prom-client').Histogram = require('prom-client/lib/histogram.js');
