import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { arbitraryAddress } from '../../address/arbitrary.ts';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import type { DeclaredPath } from '../declared-path.ts';
import { formatDeclaredPath, parseDeclaredPath } from './declared-path-object.ts';

const arbitraryPath: fc.Arbitrary<DeclaredPath> = fc.record({
  name: fc.string(),
  from: fc.string(),
  protocol: fc.constantFrom('tcp', 'udp'),
  address: arbitraryAddress,
  port: fc.integer({ min: 1, max: 65535 }),
  to: fc.string(),
});

describe('a declared path in cluster.json', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(arbitraryPath, (path) => {
        assert.deepEqual(parseDeclaredPath(JSON.parse(JSON.stringify(formatDeclaredPath(path)))), { ...path });
      }),
    );
  });

  it('is refused by the name of the field that is wrong', () => {
    const spec = { from: 'pod/x/a', protocol: 'tcp', address: '10.1.2', port: 80, to: 'pod/x/b' };
    assert.throws(
      () => parseDeclaredPath({ metadata: { name: 'p' }, spec }),
      (error) => isFlatnetError(error, 'invalid') && error.message.includes('spec.address'),
    );
  });
});
