import { spawn } from 'node:child_process';
import * as v from 'valibot';
import { parseBySchema } from '../error/schema.ts';
import type { ControlCall, ControlMethod } from './control-server.ts';
import { type ExecResult, execParamsSchema, serveExec } from './exec.ts';
import { readLog } from './log-reader.ts';
import { parsePlace } from './place.ts';
import type { RunningLab } from './running-lab.ts';
import { tellStory } from './tell-story.ts';

const rebootParams = v.strictObject({ host: v.string() });

const logsParams = v.strictObject({
  /** Absent: the lab itself. */
  host: v.optional(v.string()),
  process: v.optional(v.string()),
  lines: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  follow: v.optional(v.boolean(), false),
});

/**
 * What a lab answers on its control socket.
 * @param end ends the lab; called when `down` has been answered
 */
export function labMethods(lab: RunningLab, end: () => void): Map<string, ControlMethod> {
  return new Map<string, ControlMethod>([
    ['status', async () => lab.status()],
    ['exec', (call) => exec(lab, call)],
    [
      'reboot',
      async ({ params }) => {
        const { host } = parseBySchema('reboot', rebootParams, params);
        const node = lab.node(host);
        await node.reboot();
        return { boots: node.boots };
      },
    ],
    [
      'logs',
      async ({ params, signal, emit }) => {
        const {
          host,
          process = host === undefined ? 'lab' : 'agent',
          lines,
          follow,
        } = parseBySchema('logs', logsParams, params);
        if (host !== undefined) lab.node(host);
        const options = { follow, signal, ...(lines !== undefined && { lines }) };
        await readLog(lab.logFile(host, process), options, (chunk) => emit({ log: chunk.toString('base64') }));
      },
    ],
    ['verify', ({ signal, emit }) => lab.verify(emit, signal)],
    [
      'story',
      async ({ signal, emit }) => {
        using namespaces = new DisposableStack();
        await tellStory(lab.story(), lab.participants(namespaces).participants, emit, signal);
      },
    ],
    ['collect', ({ signal, emit }) => lab.collect(emit, signal)],
    [
      'down',
      async () => {
        setImmediate(end);
      },
    ],
  ]);
}

async function exec(lab: RunningLab, call: ControlCall): Promise<ExecResult> {
  const params = parseBySchema('exec', execParamsSchema, call.params);
  const place = parsePlace(params.where);
  switch (place.kind) {
    case 'fabric':
      return serveExec(call, params, (command, args, options) =>
        spawn(command, args, { cwd: '/', env: { ...lab.environment, ...params.environment }, ...options }),
      );
    case 'host': {
      const { host } = lab.node(place.name);
      const env = { ...host.environment, ...params.environment };
      return serveExec(call, params, (command, args, options) => host.spawn(command, args, { env, ...options }));
    }
    case 'pod':
      return serveExec(call, params, (command, args, { stdio = 'pipe' }) => {
        const name = {
          namespace: place.namespace,
          pod: place.name,
          ...(place.container !== undefined && { container: place.container }),
        };
        const variables = Object.entries(params.environment).map(([variable, value]) => `${variable}=${value}`);
        const words = variables.length === 0 ? [command, ...args] : ['env', ...variables, command, ...args];
        return lab.spawnInPod(name, words, stdio);
      });
    default:
      return place satisfies never;
  }
}
