/** Something about the cluster or the host that its operator should know. */
export interface Finding {
  /** `refusal`: no plan is made, and what is in the kernel stays. `warning`: the rest is planned. */
  readonly severity: 'refusal' | 'warning';
  readonly code:
    | 'node-unknown'
    | 'node-without-address'
    | 'node-without-prefix'
    | 'address-on-no-uplink'
    | 'bridge-netfilter-missing'
    | 'prefixes-overlap'
    | 'peer-without-prefix'
    | 'peer-without-address'
    | 'peer-unreachable'
    | 'mtu-mismatch'
    | 'attachment-outside-prefix'
    | 'attachment-outdated'
    | 'forward-dropped'
    | 'forward-unknown'
    /** The plan would break one of the three rules. */
    | 'rule-broken';
  /** Name of the node, or path of the attachment, that it is about. */
  readonly subject: string;
  readonly message: string;
  readonly remedy?: string;
}
