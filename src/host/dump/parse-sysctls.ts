/**
 * Reads `sysctl -a`: lines of `KEY = VALUE`, of which those below `net` are kept. Dots inside a device's name may be
 * written as they are or as `/`. Of other lines, such as complaints, nothing is kept.
 */
export function parseSysctls(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(net\.\S+?)\s*=\s*(.*?)\s*$/.exec(line);
    const [, key, value] = match ?? [];
    if (key !== undefined && value !== undefined) values.set(canonicalKey(key), value);
  }
  return values;
}

/** `net.ipv4.conf.eth0.1.rp_filter` → `net.ipv4.conf.eth0/1.rp_filter`. */
function canonicalKey(key: string): string {
  const match = /^(net\.ipv[46]\.(?:conf|neigh))\.(.+)\.([^.]+)$/.exec(key);
  if (match === null) return key;
  const [, stem, device = '', name] = match;
  return `${stem}.${device.replaceAll('.', '/')}.${name}`;
}
