/** The key of a device's setting; dots of the device's name are written `/`, as sysctl(8) does. */
export function deviceSysctl(family: 4 | 6, device: string, name: string): string {
  return `net.ipv${family}.conf.${device.replaceAll('.', '/')}.${name}`;
}

/** `net.ipv4.conf.eth0/1.rp_filter` → `eth0.1`; undefined for keys of no device. */
export function deviceOfSysctl(key: string): string | undefined {
  return /^net\.ipv[46]\.(?:conf|neigh)\.([^.]+)\./.exec(key)?.[1]?.replaceAll('/', '.');
}
