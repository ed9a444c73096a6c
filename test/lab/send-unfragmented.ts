/**
 * Sends a UDP datagram with "don't fragment" and waits for its echo: exits 0 where it comes, 1 where it is too long for
 * the way or doesn't come back, though it was sent again: queues of a busy machine may drop one.
 *
 *     node send-unfragmented.ts ADDRESS PORT BYTES
 *
 * BYTES is the length of the IPv4 packet, headers included.
 */
import { addressToBytes, parseAddress } from '../../src/address/address.ts';
import { checkCall, loadLibc } from '../../src/kernel/libc.ts';

/** `sys/socket.h`, `netinet/in.h` */
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_DO = 2;
/** Bytes of an IPv4 and a UDP header. */
const HEADERS = 28;
const SECONDS = 3n;
const ATTEMPTS = 4;

const [address = '', port = '', bytes = ''] = process.argv.slice(2);
const libc = loadLibc();
const fd = checkCall('socket', libc.socket(AF_INET, SOCK_DGRAM, 0));
const discover = Buffer.alloc(4);
discover.writeUInt32LE(IP_PMTUDISC_DO);
checkCall('setsockopt', libc.setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, discover, discover.length));
const patience = Buffer.alloc(16);
patience.writeBigInt64LE(SECONDS);
checkCall('setsockopt', libc.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, patience, patience.length));
const to = Buffer.alloc(16);
to.writeUInt16LE(AF_INET, 0);
to.writeUInt16BE(Number(port), 2);
to.set(addressToBytes(parseAddress(address)), 4);
checkCall('connect', libc.connect(fd, to, to.length));
const datagram = Buffer.alloc(Number(bytes) - HEADERS, 'x');
process.exitCode = 1;
for (let attempt = 0; attempt < ATTEMPTS && process.exitCode !== 0; attempt++) {
  if (libc.send(fd, datagram, datagram.length, 0) !== datagram.length) break;
  if (libc.recv(fd, datagram, datagram.length, 0) > 0) process.exitCode = 0;
}
