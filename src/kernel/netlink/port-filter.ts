import { swap16, swap32 } from '../../address/byte-order.ts';
import { attachFilter } from './socket-options.ts';

/** `linux/bpf_common.h`, `linux/filter.h`: operations of classic BPF, which loads in network byte order. */
const LOAD_HALF = 0x28;
const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;

/** Bytes of `struct sock_filter`: u16 operation, u8 jump if true, u8 jump if false, u32 operand; host byte order. */
const INSTRUCTION_LENGTH = 8;

/** Offsets in `struct nlmsghdr`. */
const TYPE_OFFSET = 4;
const PORT_OFFSET = 12;

const WHOLE = 0xffff_ffff;

type Instruction = readonly [operation: number, ifTrue: number, ifFalse: number, operand: number];

/**
 * Has the kernel drop notifications that requests of some ports have caused, before they wake anybody; those of some
 * types come all the same.
 * @param ports of netlink sockets; at most some two hundred
 * @throws FlatnetError
 */
export function ignorePorts(fd: number, ports: ReadonlySet<number>, exceptTypes: readonly number[]): void {
  const instructions = portFilter([...ports], exceptTypes);
  const bytes = Buffer.alloc(instructions.length * INSTRUCTION_LENGTH);
  for (const [index, [operation, ifTrue, ifFalse, operand]] of instructions.entries()) {
    const offset = index * INSTRUCTION_LENGTH;
    bytes.writeUInt16LE(operation, offset);
    bytes.writeUInt8(ifTrue, offset + 2);
    bytes.writeUInt8(ifFalse, offset + 3);
    bytes.writeUInt32LE(operand, offset + 4);
  }
  attachFilter(fd, bytes, instructions.length);
}

/** Jumps count from the next instruction: every test jumps to one of the two that end the program. */
function portFilter(ports: readonly number[], exceptTypes: readonly number[]): readonly Instruction[] {
  const tests = [
    ...exceptTypes.map((type) => ({ operand: swap16(type), load: LOAD_HALF, offset: TYPE_OFFSET, accepts: true })),
    ...ports.map((port) => ({ operand: swap32(port), load: LOAD_WORD, offset: PORT_OFFSET, accepts: false })),
  ];
  const end = tests.length * 2;
  const program = tests.flatMap(({ operand, load, offset, accepts }, index): Instruction[] => [
    [load, 0, 0, offset],
    [JUMP_IF_EQUAL, end + (accepts ? 0 : 1) - (index * 2 + 2), 0, operand],
  ]);
  return [...program, [RETURN, 0, 0, WHOLE], [RETURN, 0, 0, 0]];
}
