import type { Family } from '../../address/family.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { AskedPort } from '../asked-port.ts';
import { type Bounds, pointAt } from '../model/bounds.ts';
import { type Box, withoutBox } from './box.ts';

/** All that a variable may be. */
const ALL: Bounds = { low: 0n, high: (1n << 128n) - 1n };

/** The packets of a box, to nodes, that are judged: all but those to ports which somebody asked to be led elsewhere. */
export function judgedBoxes(box: Box, asked: readonly AskedPort[], family: Family): readonly Box[] {
  const holes = asked.flatMap((port) => holesOf(port, family));
  return holes.reduce<readonly Box[]>((pieces, hole) => pieces.flatMap((piece) => withoutBox(piece, hole)), [box]);
}

function holesOf({ protocol, port, addresses }: AskedPort, family: Family): readonly Box[] {
  const hole = {
    protocol: pointAt(BigInt(PROTOCOL_NUMBERS[protocol])),
    destinationPort: pointAt(BigInt(port)),
    sourcePort: ALL,
    source: ALL,
  };
  if (addresses === undefined) return [{ ...hole, destination: ALL }];
  return addresses
    .filter((address) => address.family === family)
    .map(({ value }) => ({ ...hole, destination: pointAt(value) }));
}
