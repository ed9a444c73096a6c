import { CniError } from './cni-error.ts';

/** The versions of the CNI specification that we speak, oldest first. */
export const CNI_VERSIONS = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

export type CniVersion = (typeof CNI_VERSIONS)[number];

/** The newest version that we speak. */
export const LATEST_CNI_VERSION: CniVersion = '1.1.0';

export function isCniVersion(text: unknown): text is CniVersion {
  return CNI_VERSIONS.some((version) => version === text);
}

/** True if `version` is `other` or newer. */
export function cniVersionAtLeast(version: CniVersion, other: CniVersion): boolean {
  return CNI_VERSIONS.indexOf(version) >= CNI_VERSIONS.indexOf(other);
}

/** The version a network configuration asks for. @throws CniError `incompatible version` */
export function parseCniVersion(value: unknown): CniVersion {
  if (isCniVersion(value)) return value;
  const named = value === undefined ? 'no cniVersion' : `cniVersion ${JSON.stringify(value)}`;
  throw new CniError('incompatible version', {
    operation: 'read network configuration',
    message: `${named} is not supported`,
    remedy: `set cniVersion to one of ${CNI_VERSIONS.join(', ')}`,
  });
}

/** The version to answer in where the configuration cannot be relied on: the one it names, or the newest. */
export function requestedVersion(stdin: string): CniVersion {
  try {
    const configuration: unknown = JSON.parse(stdin);
    if (typeof configuration === 'object' && configuration !== null && 'cniVersion' in configuration)
      return isCniVersion(configuration.cniVersion) ? configuration.cniVersion : LATEST_CNI_VERSION;
  } catch {
    // Whoever reads the configuration in earnest will say so.
  }
  return LATEST_CNI_VERSION;
}

/** The result of VERSION. */
export function renderVersions(stdin: string): Readonly<Record<string, unknown>> {
  return { cniVersion: requestedVersion(stdin), supportedVersions: CNI_VERSIONS };
}
