/** The kernel fills dumps up to 32 KiB a datagram; single messages may be larger. */
const RECEIVE_BUFFER_LENGTH = 128 << 10;

const idle: Buffer[] = [];

/** A buffer to receive into: shared by all sockets of the process, since each is used for one synchronous read. */
export function borrowReceiveBuffer(): Buffer {
  return idle.pop() ?? Buffer.allocUnsafeSlow(RECEIVE_BUFFER_LENGTH);
}

export function returnReceiveBuffer(buffer: Buffer): void {
  idle.push(buffer);
}
