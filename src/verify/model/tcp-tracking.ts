/** What conntrack takes a TCP connection to be at (`enum tcp_conntrack`, linux/netfilter/nf_conntrack_tcp.h). */
export type TcpState =
  | 'syn-sent'
  | 'syn-received'
  | 'established'
  | 'fin-wait'
  | 'close-wait'
  | 'last-ack'
  | 'time-wait'
  | 'close'
  | 'both-syn-sent';

const FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const;
const MATTERS = 0xff & ~(FLAG.psh | FLAG.ece | FLAG.cwr);

/** The combinations that a packet may bear (`tcp_valid_flags`, net/netfilter/nf_conntrack_proto_tcp.c). */
const VALID: ReadonlySet<number> = new Set([
  FLAG.syn,
  FLAG.syn | FLAG.urg,
  FLAG.syn | FLAG.ack,
  FLAG.rst,
  FLAG.rst | FLAG.ack,
  FLAG.fin | FLAG.ack,
  FLAG.fin | FLAG.ack | FLAG.urg,
  FLAG.ack,
  FLAG.ack | FLAG.urg,
]);

/** In the order of the columns below; the first is that of a connection that begins. */
const STATES: readonly (TcpState | undefined)[] = [
  undefined,
  'syn-sent',
  'syn-received',
  'established',
  'fin-wait',
  'close-wait',
  'last-ack',
  'time-wait',
  'close',
  'both-syn-sent',
];

const CODES: Readonly<Record<string, TcpState | 'invalid' | 'ignored'>> = {
  IV: 'invalid',
  IG: 'ignored',
  SS: 'syn-sent',
  SR: 'syn-received',
  ES: 'established',
  FW: 'fin-wait',
  CW: 'close-wait',
  LA: 'last-ack',
  TW: 'time-wait',
  CL: 'close',
  S2: 'both-syn-sent',
};

type Kind = 'syn' | 'syn-ack' | 'fin' | 'ack' | 'rst';

/** The transitions of the same file (`tcp_conntracks`), by direction and kind of packet. */
const TRANSITIONS: Readonly<Record<'original' | 'reply', Readonly<Record<Kind, string>>>> = {
  original: {
    syn: 'SS SS IG IG IG IG IG SS SS S2',
    'syn-ack': 'IV IV SR IV IV IV IV IV IV SR',
    fin: 'IV IV FW FW LA LA LA TW CL IV',
    ack: 'ES IV ES ES CW CW TW TW CL IV',
    rst: 'IV CL CL CL CL CL CL CL CL CL',
  },
  reply: {
    syn: 'IV S2 IV IV IV IV IV SS IV S2',
    'syn-ack': 'IV SR IG IG IG IG IG IG IG SR',
    fin: 'IV IV FW FW LA LA LA TW CL IV',
    ack: 'IV IG SR ES CW CW TW TW CL IG',
    rst: 'IV CL CL CL CL CL CL CL CL CL',
  },
};

/**
 * The state of a connection after a packet with these flags; `ignored` where the packet passes and changes nothing. Whether it
 * lies in the window isn't looked at: who speaks properly stays in it.
 * @param state undefined for the first packet
 */
export function nextTcpState(
  state: TcpState | undefined,
  direction: 'original' | 'reply',
  flags: number,
): TcpState | 'invalid' | 'ignored' {
  const kind = VALID.has(flags & MATTERS) ? kindOf(flags) : undefined;
  if (kind === undefined) return 'invalid';
  const code = TRANSITIONS[direction][kind].split(' ')[STATES.indexOf(state)];
  return CODES[code ?? 'IV'] ?? 'invalid';
}

function kindOf(flags: number): Kind | undefined {
  if ((flags & FLAG.rst) !== 0) return 'rst';
  if ((flags & FLAG.syn) !== 0) return (flags & FLAG.ack) === 0 ? 'syn' : 'syn-ack';
  if ((flags & FLAG.fin) !== 0) return 'fin';
  return (flags & FLAG.ack) === 0 ? undefined : 'ack';
}
