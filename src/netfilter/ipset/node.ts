/** ipset(8)'s sets as `ipset save` prints them. */
export interface IpSet {
  readonly name: string;
  /** `hash:ip,port`, `bitmap:port`, `list:set`, … */
  readonly type: string;
  /** `family`, `hashsize`, `timeout`, `comment`, …; those without a value have ''. */
  readonly options: ReadonlyMap<string, string>;
  readonly entries: readonly IpSetEntry[];
}

export interface IpSetEntry {
  /** `10.0.0.1`, `10.0.0.0/8`, `10.0.0.1,tcp:80`. */
  readonly text: string;
  readonly options: ReadonlyMap<string, string>;
}
