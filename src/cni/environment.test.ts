import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { formatAddress } from '../address/address.ts';
import { parseCniArguments } from './cni-arguments.ts';
import { CniError } from './cni-error.ts';
import {
  CNI_COMMANDS,
  type CniCommand,
  parseContainerId,
  parseEnvironment,
  parseInterfaceName,
} from './environment.ts';

const COMPLETE = {
  CNI_CONTAINERID: 'abc',
  CNI_NETNS: '/run/netns/abc',
  CNI_IFNAME: 'eth0',
  CNI_PATH: '/opt/cni/bin',
};

type Variable = keyof typeof COMPLETE;

/** The specification's own table. */
const NEEDED: Readonly<Record<CniCommand, readonly Variable[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  GC: ['CNI_PATH'],
  STATUS: [],
  VERSION: [],
};

function isEnvironmentError(error: unknown, ...parts: string[]): boolean {
  return (
    error instanceof CniError &&
    error.kind === 'invalid environment' &&
    parts.every((part) => error.message.includes(part))
  );
}

describe('parseEnvironment', () => {
  for (const command of CNI_COMMANDS)
    it(`asks ${command} for what it needs, and for no more`, () => {
      for (const variable of Object.keys(COMPLETE) as Variable[]) {
        const environment = { ...COMPLETE, CNI_COMMAND: command, [variable]: '' };
        if (NEEDED[command].includes(variable))
          assert.throws(
            () => parseEnvironment(environment),
            (error) => isEnvironmentError(error, command, variable),
          );
        else assert.equal(parseEnvironment(environment).command, command);
      }
    });

  it('names all that is missing at once', () => {
    assert.throws(
      () => parseEnvironment({ CNI_COMMAND: 'ADD' }),
      (error) => isEnvironmentError(error, 'CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'),
    );
    assert.throws(
      () => parseEnvironment({}),
      (error) => isEnvironmentError(error, 'CNI_COMMAND is ""'),
    );
  });

  it('wants a path for the namespace to make a pod in, and needs none to remove one', () => {
    const odd = { ...COMPLETE, CNI_NETNS: 'abc' };
    assert.throws(
      () => parseEnvironment({ ...odd, CNI_COMMAND: 'ADD' }),
      (error) => isEnvironmentError(error, 'CNI_NETNS'),
    );
    assert.deepEqual(parseEnvironment({ ...odd, CNI_COMMAND: 'DEL' }), {
      command: 'DEL',
      containerId: 'abc',
      interfaceName: 'eth0',
    });
  });
});

describe('names', () => {
  it('of containers and interfaces become names of files: they never climb out of a directory', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('.', '/', 'a', ':', ' ', '\0') })),
        (text) => {
          for (const parse of [parseContainerId, parseInterfaceName])
            try {
              assert.match(parse(text), /^[^/\0:]+$/);
              assert.ok(!['.', '..'].includes(text));
            } catch (error) {
              assert.ok(isEnvironmentError(error));
            }
        },
      ),
    );
  });

  it('of interfaces have at most 15 bytes, whatever the characters', () => {
    assert.equal(parseInterfaceName('a'.repeat(15)), 'a'.repeat(15));
    assert.throws(() => parseInterfaceName('a'.repeat(16)));
    assert.throws(() => parseInterfaceName('é'.repeat(8)));
  });
});

describe('parseCniArguments', () => {
  it('minds no order', () => {
    const pairs = [
      'IgnoreUnknown=true',
      'K8S_POD_NAMESPACE=default',
      'K8S_POD_NAME=web',
      'K8S_POD_UID=u-1',
      'K8S_POD_INFRA_CONTAINER_ID=abc',
      'IP=10.0.0.5,fd00::5',
      'MAC=02:00:00:00:00:01',
      'A=b=c',
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(pairs, { minLength: pairs.length }), (shuffled) => {
        const { addresses, ...parsed } = parseCniArguments(shuffled.join(';'));
        assert.deepEqual(addresses.map(formatAddress), ['10.0.0.5', 'fd00::5']);
        assert.deepEqual(parsed, {
          mac: '02:00:00:00:00:01',
          pod: { namespace: 'default', name: 'web', uid: 'u-1' },
        });
      }),
    );
  });

  it('takes what podman gives', () => {
    assert.deepEqual(parseCniArguments('IgnoreUnknown=1;K8S_POD_NAME=quiet_bell'), {
      addresses: [],
      pod: { name: 'quiet_bell' },
    });
  });

  it('refuses unknown keys and what is no pair', () => {
    for (const text of ['COLOUR=red', 'IgnoreUnknown=0;COLOUR=red', 'IgnoreUnknown', '=1'])
      assert.throws(
        () => parseCniArguments(text),
        (error) => isEnvironmentError(error, 'CNI_ARGS'),
      );
    assert.deepEqual(parseCniArguments(''), { addresses: [] });
  });
});
