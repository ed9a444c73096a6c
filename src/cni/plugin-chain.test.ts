import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import * as v from 'valibot';
import { ChainCache } from './chain-cache.ts';
import { CniError } from './cni-error.ts';
import { parseNetworkList } from './network-list.ts';
import { type ChainRuntime, runPluginChain } from './plugin-chain.ts';

/** A plugin that appends what it was given to `calls` beside it and answers with an address more than prevResult has. */
const PLUGIN = `#!${process.execPath}
const { appendFileSync, readFileSync } = require('node:fs');
const configuration = JSON.parse(readFileSync(0, 'utf8'));
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('CNI_')));
appendFileSync(__dirname + '/calls', JSON.stringify({ environment, configuration }) + '\\n');
if (configuration.fail === environment.CNI_COMMAND) {
  process.stdout.write(JSON.stringify({ cniVersion: configuration.cniVersion, code: 11, msg: 'later', details: 'soon' }));
  process.exit(1);
}
if (environment.CNI_COMMAND === 'ADD') {
  const ips = [...(configuration.prevResult?.ips ?? []), { address: configuration.address, version: '4' }];
  process.stdout.write(JSON.stringify({ cniVersion: configuration.cniVersion, ips }));
}
`;

const callSchema = v.object({
  environment: v.record(v.string(), v.string()),
  configuration: v.looseObject({ address: v.optional(v.string()), prevResult: v.optional(v.unknown()) }),
});

interface ListOptions {
  readonly cniVersion?: string;
  readonly fail?: string;
}

function makeRuntime(t: TestContext, { cniVersion = '1.1.0', fail = '' }: ListOptions = {}) {
  const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-chain-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const executable = path.join(directory, 'recorder');
  writeFileSync(executable, PLUGIN);
  chmodSync(executable, 0o755);
  const list = parseNetworkList(
    JSON.stringify({
      name: 'net',
      cniVersion,
      plugins: [
        { type: 'recorder', address: '10.0.0.2/24', capabilities: { portMappings: true, mac: false } },
        { type: 'recorder', address: '10.0.0.3/24', fail },
      ],
    }),
    'test',
  );
  const runtime: ChainRuntime = { list, pluginDirectories: [directory], cache: new ChainCache(directory) };
  const calls = () =>
    readFileSync(path.join(directory, 'calls'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => v.parse(v.pipe(v.string(), v.parseJson(), callSchema), line));
  return { runtime, calls, directory };
}

const attachment = {
  containerId: 'abc',
  interfaceName: 'eth0',
  namespacePath: '/run/netns/abc',
  arguments: [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAME', 'web'],
  ],
  capabilities: { portMappings: [{ hostPort: 80 }], mac: 'aa:bb:cc:dd:ee:ff' },
} as const;

describe('runPluginChain', () => {
  it('threads the result through ADD, gives it to CHECK and DEL, and DEL goes backwards', async (t) => {
    const { runtime, calls } = makeRuntime(t);
    const result = await runPluginChain({ command: 'ADD', attachment }, runtime);
    assert.deepEqual(
      result.ips.map((ip) => ip.address),
      ['10.0.0.2/24', '10.0.0.3/24'],
    );
    await runPluginChain({ command: 'CHECK', attachment }, runtime);
    await runPluginChain({ command: 'DEL', attachment }, runtime);
    await runPluginChain({ command: 'DEL', attachment: { containerId: 'abc', interfaceName: 'eth0' } }, runtime);
    const seen = calls();
    assert.deepEqual(
      seen.map(({ environment, configuration }) => [environment.CNI_COMMAND, configuration.address?.slice(7, 8)]),
      [
        ['ADD', '2'],
        ['ADD', '3'],
        ['CHECK', '2'],
        ['CHECK', '3'],
        ['DEL', '3'],
        ['DEL', '2'],
        ['DEL', '3'],
        ['DEL', '2'],
      ],
    );
    assert.deepEqual(seen[0]?.environment, {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'abc',
      CNI_NETNS: '/run/netns/abc',
      CNI_IFNAME: 'eth0',
      CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=web',
      CNI_PATH: runtime.pluginDirectories[0],
    });
    assert.equal(seen[6]?.environment.CNI_NETNS, '');
    assert.deepEqual(
      seen.map(({ configuration }) => 'prevResult' in configuration),
      [false, true, true, true, true, true, false, false],
    );
  });

  it('passes capability arguments to the plugins that declare them only', async (t) => {
    const { runtime, calls } = makeRuntime(t);
    await runPluginChain({ command: 'ADD', attachment }, runtime);
    assert.deepEqual(calls()[0]?.configuration.runtimeConfig, { portMappings: [{ hostPort: 80 }] });
    assert.equal(calls()[1]?.configuration.runtimeConfig, undefined);
  });

  it("fails with the plugin's own code and words", async (t) => {
    const { runtime } = makeRuntime(t, { fail: 'ADD' });
    await assert.rejects(
      runPluginChain({ command: 'ADD', attachment }, runtime),
      (error) => error instanceof CniError && error.kind === 'try again later' && error.remedy === 'soon',
    );
  });

  it('has no CHECK and no previous result at DEL in 0.3.1', async (t) => {
    const { runtime, calls } = makeRuntime(t, { cniVersion: '0.3.1' });
    await runPluginChain({ command: 'ADD', attachment }, runtime);
    await assert.rejects(
      runPluginChain({ command: 'CHECK', attachment }, runtime),
      (error) => error instanceof CniError && error.kind === 'incompatible version',
    );
    await runPluginChain({ command: 'DEL', attachment }, runtime);
    assert.equal(calls().at(-1)?.configuration.prevResult, undefined);
  });

  it('collects garbage by DEL for what is cached and not valid, then GC, and reports every failure', async (t) => {
    const { runtime, calls } = makeRuntime(t, { fail: 'GC' });
    await runPluginChain({ command: 'ADD', attachment }, runtime);
    await runPluginChain({ command: 'ADD', attachment: { ...attachment, containerId: 'kept' } }, runtime);
    const collected = runPluginChain(
      { command: 'GC', valid: [{ containerId: 'kept', interfaceName: 'eth0' }] },
      runtime,
    );
    await assert.rejects(collected, (error) => error instanceof AggregateError && error.errors.length === 1);
    const after = calls().slice(4);
    assert.deepEqual(
      after.map(({ environment }) => `${environment.CNI_COMMAND} ${environment.CNI_CONTAINERID}`),
      ['DEL abc', 'DEL abc', 'GC ', 'GC '],
    );
    assert.deepEqual(after[2]?.configuration['cni.dev/valid-attachments'], [{ containerID: 'kept', ifname: 'eth0' }]);
  });

  it('says where it looked for a plugin that is not there', async (t) => {
    const { runtime } = makeRuntime(t);
    await assert.rejects(
      runPluginChain({ command: 'STATUS' }, { ...runtime, pluginDirectories: ['/nowhere'] }),
      /no executable recorder in \/nowhere/,
    );
  });
});
