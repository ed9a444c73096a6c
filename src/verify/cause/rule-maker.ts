import type { Chain, Table } from '../../netfilter/node.ts';

/** Programs that write rules of their own, and that this project knows by their chains, tables and comments. */
export type RuleMaker =
  | 'Docker'
  | 'flannel'
  | 'kube-proxy'
  | 'kube-router'
  | 'Calico'
  | 'Cilium'
  | 'firewalld'
  | 'ufw'
  | 'Istio'
  | 'ip-masq-agent'
  | 'the CNI plugins'
  | 'Weave'
  | 'Flatnet';

interface Signature {
  readonly maker: RuleMaker;
  readonly table?: RegExp;
  readonly chain?: RegExp;
  readonly text?: RegExp;
}

/** In this order: kube-router's chains begin as kube-proxy's do. */
const SIGNATURES: readonly Signature[] = [
  { maker: 'Flatnet', table: /^flatnet/, text: /--comment "?flatnet|comment "flatnet/ },
  { maker: 'flannel', table: /^flannel/, chain: /^FLANNEL-/, text: /flanneld/ },
  { maker: 'kube-router', chain: /^KUBE-(?:ROUTER|POD-FW|NWPLCY|NETPOL)/, text: /kube-router/ },
  { maker: 'kube-proxy', table: /^kube-proxy/, chain: /^KUBE-/, text: /kubernetes (?:forwarding|service)/ },
  { maker: 'Calico', table: /^calico/, chain: /^cali-/, text: /"cali:/ },
  { maker: 'Cilium', table: /^cilium/, chain: /^(?:OLD_)?CILIUM_/, text: /cilium/ },
  { maker: 'firewalld', table: /^firewalld/, chain: /^(?:IN|FWD|FWDI|FWDO|PRE|POST)_\w+/ },
  { maker: 'ufw', chain: /^ufw6?-/ },
  { maker: 'Istio', table: /^istio/, chain: /^ISTIO_/ },
  { maker: 'ip-masq-agent', chain: /^IP-MASQ/, text: /ip-masq-agent/ },
  { maker: 'the CNI plugins', table: /^cni/, chain: /^CNI-/ },
  { maker: 'Weave', chain: /^WEAVE/ },
  { maker: 'Docker', table: /^docker/, chain: /^DOCKER/, text: /\bdocker0\b|\bbr-[0-9a-f]{12}\b/ },
];

/** Who made a rule, by its chain, its table and its words; undefined where they tell nothing. */
export function ruleMaker(table: Table, chain: Chain, text: string): RuleMaker | undefined {
  const found = SIGNATURES.find(
    (signature) =>
      signature.table?.test(table.name) === true ||
      signature.chain?.test(chain.name) === true ||
      signature.text?.test(text) === true,
  );
  return found?.maker;
}

/** Who set the policy of a base chain: Docker leaves FORWARD at drop, and its own chains beside it. */
export function policyMaker({ name, chains }: Table): RuleMaker | undefined {
  const makers = (['Docker', 'ufw', 'firewalld'] as const).filter((maker) =>
    SIGNATURES.some(
      (signature) =>
        signature.maker === maker &&
        (signature.table?.test(name) === true || chains.some((chain) => signature.chain?.test(chain.name) === true)),
    ),
  );
  return makers.includes('ufw') ? 'ufw' : makers[0];
}
