import fc from 'fast-check';
import { formatAddress } from '../../src/address/address.ts';
import type { Family } from '../../src/address/family.ts';
import { anyAddress, anyPort } from './arbitrary-match.ts';
import { BUILT_IN, IPTABLES_TABLES, type IptablesTable, type IptablesTableName } from './iptables-text.ts';
import { devicesOf, INTERFACES, macOf, type SiteName } from './site-plan.ts';

/** Where a rule stands. */
interface Place {
  readonly site: SiteName;
  readonly family: Family;
  readonly table: IptablesTableName;
  /** One of the built-in chains, or `U`, to which all of them may lead. */
  readonly chain: string;
}

type Words = fc.Arbitrary<string>;

const not: Words = fc.constantFrom('', '', '! ');
/** Put together as `first second …`. */
const words = (...parts: readonly Words[]): Words => fc.tuple(...parts).map((all) => all.join(''));
const fixed = (...texts: readonly string[]): Words => fc.constantFrom(...texts);

const anyText = (family: Family): Words => anyAddress(family).map(formatAddress);
const anyNetwork = (family: Family): Words =>
  fc
    .tuple(anyAddress(family), fc.constantFrom(...(family === 4 ? [32, 24, 14, 31] : [128, 64, 30, 127])))
    .map(([address, length]) => `${formatAddress(address)}/${length}`);
const anyMasked: Words = fixed('0x1', '0x1/0x1', '0x0/0x2', '0xff00/0xff00', '0x2/0x3');
const portRange: Words = fc.oneof(anyPort.map(String), fixed('80:81', '1000:2000', ':1023', '30000:'));

/** What a rule may ask but once: of which protocol a packet is, and what that protocol's header says. */
function protocolMatch(family: Family): Words {
  const transport = fixed('tcp', 'udp');
  const icmp = family === 4 ? '-p icmp -m icmp ' : '-p ipv6-icmp -m icmp6 ';
  const type = family === 4 ? '--icmp-type ' : '--icmpv6-type ';
  const types = family === 4 ? ['8', '0', '3', '3/4', '11', 'echo-request'] : ['128', '129', '1', '2', 'echo-request'];
  return fc.oneof(
    { weight: 2, arbitrary: words(not, fixed('-p '), fixed('tcp', 'udp', family === 4 ? 'icmp' : 'ipv6-icmp')) },
    {
      weight: 6,
      arbitrary: fc
        .tuple(transport, not, fixed('--dport', '--dport', '--sport'), portRange)
        .map(([protocol, negated, end, ports]) => `-p ${protocol} -m ${protocol} ${negated}${end} ${ports}`),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(
          transport,
          not,
          fixed('--dports', '--sports'),
          fixed('80,443', '80:81,1000:2000', '1000,1001,30000:30001'),
        )
        .map(([protocol, negated, end, ports]) => `-p ${protocol} -m multiport ${negated}${end} ${ports}`),
    },
    {
      weight: 2,
      arbitrary: words(
        fixed('-p tcp -m tcp '),
        not,
        fixed('--syn', '--tcp-flags SYN,RST SYN', '--tcp-flags SYN,ACK,FIN,RST RST', '--tcp-flags ALL NONE'),
      ),
    },
    {
      weight: 2,
      arbitrary: words(fixed(icmp), not, fixed(type), fixed(...types)).filter((text) => !/! .*\/4/.test(text)),
    },
  );
}

const conntrackMatch = (family: Family): Words =>
  words(
    fixed('-m conntrack '),
    not,
    fc.oneof(
      {
        weight: 4,
        arbitrary: fixed(
          '--ctstate NEW',
          '--ctstate RELATED,ESTABLISHED',
          '--ctstate INVALID',
          '--ctstate INVALID,UNTRACKED',
          '--ctstate DNAT',
          '--ctstate SNAT',
          '--ctstate NEW,DNAT',
        ),
      },
      { weight: 1, arbitrary: fixed('--ctstatus SEEN_REPLY', '--ctstatus CONFIRMED') },
      { weight: 1, arbitrary: fixed('--ctproto 6', '--ctproto 17') },
      {
        weight: 2,
        arbitrary: words(fixed('--ctorigsrc ', '--ctorigdst ', '--ctreplsrc ', '--ctrepldst '), anyText(family)),
      },
      { weight: 1, arbitrary: words(fixed('--ctorigdstport ', '--ctreplsrcport '), anyPort.map(String)) },
    ),
  ).filter((text) => !/! --ct(?:dir|status)|! .*[DS]NAT/.test(text));

/** What a rule asks beyond the protocol. */
function otherMatch({ site, family, table, chain }: Place): Words {
  const comesIn = chain === 'PREROUTING' || chain === 'INPUT' || chain === 'FORWARD';
  const goesOut = chain === 'FORWARD' || chain === 'OUTPUT' || chain === 'POSTROUTING';
  const device = fixed(...devicesOf(site), 'lo', 'e+', 'r+', 'vx+');
  const mac = fixed(...INTERFACES.map(macOf));
  const range =
    family === 4 ? ['10.1.0.1-10.3.0.9', '10.5.0.3-10.5.0.3'] : ['fd00:1::-fd00:3::9', 'fd00:5::3-fd00:5::3'];
  const weighted: fc.WeightedArbitrary<string>[] = [
    { weight: 6, arbitrary: words(not, fixed('-s ', '-d '), anyNetwork(family)) },
    { weight: 4, arbitrary: conntrackMatch(family) },
    { weight: 2, arbitrary: words(fixed('-m mark ', '-m connmark '), not, fixed('--mark '), anyMasked) },
    { weight: 1, arbitrary: words(fixed('-m statistic --mode random --probability '), fixed('0.5', '0.33333333349')) },
    { weight: 1, arbitrary: fixed('-m statistic --mode nth --every 2 --packet 0') },
    { weight: 1, arbitrary: words(fixed('-m iprange '), not, fixed('--src-range ', '--dst-range '), fixed(...range)) },
    {
      weight: 1,
      arbitrary: words(fixed('-m length '), not, fixed('--length 0:60', '--length 90', '--length 61:65535')),
    },
    { weight: 1, arbitrary: fixed('-m limit --limit 1/min --limit-burst 2') },
    { weight: 1, arbitrary: fixed('-m comment --comment "to all"') },
    {
      weight: 3,
      arbitrary: words(
        fixed('-m addrtype '),
        not,
        fixed('--dst-type LOCAL', '--src-type LOCAL', '--dst-type UNICAST', '--src-type UNICAST'),
        fixed('', '', comesIn && chain !== 'FORWARD' ? ' --limit-iface-in' : ''),
      ),
    },
    {
      weight: 1,
      arbitrary:
        family === 4
          ? words(fixed('-m ttl '), fixed('--ttl-lt 63', '--ttl-eq 64', '--ttl-gt 63'))
          : words(fixed('-m hl '), fixed('--hl-lt 63', '--hl-eq 64', '--hl-gt 63')),
    },
  ];
  if (comesIn) weighted.push({ weight: 4, arbitrary: words(not, fixed('-i '), device) });
  if (goesOut) weighted.push({ weight: 4, arbitrary: words(not, fixed('-o '), device) });
  if (comesIn) weighted.push({ weight: 1, arbitrary: words(fixed('-m mac '), not, fixed('--mac-source '), mac) });
  if (chain === 'FORWARD')
    weighted.push({ weight: 1, arbitrary: words(fixed('-m physdev '), not, fixed('--physdev-is-bridged')) });
  if (chain === 'PREROUTING' && (table === 'raw' || table === 'mangle'))
    weighted.push({
      weight: 1,
      arbitrary: fixed('-m rpfilter --invert', '-m rpfilter --loose --invert', '-m rpfilter --validmark'),
    });
  return fc.oneof(...weighted);
}

const VERDICTS = fixed('-j ACCEPT', '-j ACCEPT', '-j DROP', '-j RETURN');

/** Options that go with a protocol's ports stand only where the rule asks for one that has some. */
function targetOf({ family, table, chain }: Place, hasPorts: boolean): Words {
  const verdict =
    chain === 'U'
      ? VERDICTS
      : fc.oneof({ weight: 4, arbitrary: VERDICTS }, { weight: 2, arbitrary: fixed('-j U', '-g U') });
  const refusals =
    family === 4
      ? ['icmp-port-unreachable', 'icmp-host-unreachable', 'icmp-admin-prohibited', 'icmp-net-unreachable']
      : ['icmp6-port-unreachable', 'icmp6-addr-unreachable', 'icmp6-adm-prohibited', 'icmp6-no-route'];
  switch (table) {
    case 'filter':
      return fc.oneof(
        { weight: 6, arbitrary: verdict },
        { weight: 1, arbitrary: words(fixed('-j REJECT --reject-with '), fixed(...refusals)) },
      );
    case 'raw':
      return fc.oneof(
        { weight: 2, arbitrary: verdict },
        { weight: 1, arbitrary: fixed('-j CT --notrack', '-j CT --zone 1', '-j CT --zone 2') },
      );
    case 'mangle':
      return fc.oneof(
        { weight: 2, arbitrary: verdict },
        {
          weight: 4,
          arbitrary: words(fixed('-j MARK --set-xmark '), fixed('0x1/0x1', '0x2/0xffffffff', '0x0/0xff', '0x3/0x0')),
        },
        {
          weight: 2,
          arbitrary: fixed(
            '-j CONNMARK --save-mark',
            '-j CONNMARK --restore-mark',
            '-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff',
            '-j CONNMARK --set-xmark 0x1/0x1',
          ),
        },
        // anywhere else, a packet that goes in circles would do so for ever
        ...(chain === 'INPUT' || chain === 'OUTPUT'
          ? [{ weight: 1, arbitrary: fixed(family === 4 ? '-j TTL --ttl-set 63' : '-j HL --hl-set 63') }]
          : []),
      );
    case 'nat':
      return chain === 'U'
        ? fixed('-j RETURN', '-j ACCEPT')
        : fc.oneof(
            { weight: 1, arbitrary: fixed('-j ACCEPT', '-j RETURN', '-j U', '-g U') },
            { weight: 5, arbitrary: translation(family, chain, hasPorts) },
          );
    default:
      return table satisfies never;
  }
}

function translation(family: Family, chain: string, hasPorts: boolean): Words {
  const port = hasPorts ? fixed('', ':80', ':1000', ':1000-1002') : fixed('');
  const one = fc
    .tuple(anyText(family), port)
    .map(([address, to]) => (family === 6 && to !== '' ? `[${address}]${to}` : `${address}${to}`));
  const range = anyAddress(family).map(
    (address) => `${formatAddress(address)}-${formatAddress({ ...address, value: address.value + 1n })}`,
  );
  const target = fc.oneof({ weight: 4, arbitrary: one }, { weight: 1, arbitrary: range });
  const ports = hasPorts ? fixed('', '', ' --to-ports 1000', ' --to-ports 1000-1002') : fixed('');
  const random = hasPorts ? ' --random' : '';
  if (chain === 'PREROUTING' || chain === 'OUTPUT')
    return fc.oneof(
      {
        weight: 3,
        arbitrary: words(fixed('-j DNAT --to-destination '), target, fixed('', '', ' --persistent', random)),
      },
      { weight: 1, arbitrary: words(fixed('-j REDIRECT'), ports, fixed('', random)) },
    );
  const source = words(fixed('-j SNAT --to-source '), target, fixed('', '', ' --persistent', ' --random-fully'));
  return chain === 'INPUT'
    ? source
    : fc.oneof(
        { weight: 2, arbitrary: source },
        { weight: 2, arbitrary: words(fixed('-j MASQUERADE'), ports, fixed('', ' --random', ' --random-fully')) },
      );
}

function anyRule(place: Place): Words {
  return fc
    .tuple(fc.option(protocolMatch(place.family), { nil: '', freq: 2 }), fc.array(otherMatch(place), { maxLength: 2 }))
    .chain(([protocol, others]) => {
      const hasPorts = /^-p (?:tcp|udp)/.test(protocol);
      // iptables takes each of these once
      const once = others.filter(
        (text, index) => !others.slice(0, index).some((other) => kindOf(other) === kindOf(text)),
      );
      const asked = [protocol, ...once].filter((text) => text !== '');
      return targetOf(place, hasPorts).map((target) => [`-A ${place.chain}`, ...asked, target].join(' '));
    });
}

/** Which option or module a match begins with. */
function kindOf(text: string): string {
  return /-m \w+|-[sdio]/.exec(text)?.[0] ?? '';
}

/** One table of one family. */
export function anyIptablesTable(site: SiteName): fc.Arbitrary<IptablesTable> {
  return fc
    .tuple(fc.constantFrom<Family>(4, 4, 6), fc.constantFrom(...IPTABLES_TABLES, 'nat', 'filter'))
    .chain(([family, name]) => {
      const chain = fc.constantFrom(...BUILT_IN[name]);
      const rule = chain.chain((each) => anyRule({ site, family, table: name, chain: each }));
      const inner = anyRule({ site, family, table: name, chain: 'U' });
      return fc
        .tuple(fc.array(rule, { minLength: 1, maxLength: 5 }), fc.array(inner, { maxLength: 2 }))
        .map(([rules, others]) => ({ family, name, rules: [...rules, ...others] }));
    });
}
