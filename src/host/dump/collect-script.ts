import { COLLECTION, type CollectedFile, type CollectionStep, NAMESPACE_DIRECTORIES } from './collection.ts';
import { unlistedHeading } from './iptables-listing.ts';
import { filterHeading } from './parse-traffic-control.ts';

/** A POSIX shell script that writes a snapshot of the host it runs on, with nothing but the host's own programs. */
export function renderCollectScript(): string {
  return `${HEAD}
# Each function prints what belongs into a file, and succeeds if there is something to keep.
${COLLECTION.map(renderFile).join('\n')}

collect() {
  mkdir -p "$dir" || exit 1
${COLLECTION.map(({ file }) => `  keep ${file} ${functionName(file)}`).join('\n')}
  keep cksum.txt sums
}

${TAIL}`;
}

const HEAD = `#!/bin/sh
# Writes the network state of this host and of its pods' namespaces into DIR/HOST, for
# flatnet verify --snapshot DIR and flatnet trace --snapshot DIR.
# Usage: sudo sh collect.sh [DIR]
# It only reads. Programs that are missing leave their files out, and what they would have shown unknown.
set -u
umask 077
LC_ALL=C
export LC_ALL
out=\${1:-flatnet-snapshot}/$(uname -n)
enter=

[ "$(id -u)" = 0 ] || echo "not root: rules and other namespaces can't be read" >&2

has() {
  command -v "$1" >/dev/null 2>&1
}

# Runs a command in the namespace that is being collected; one that isn't there fails.
run() {
  has "$1" && $enter "$@" 2>/dev/null
}

# First of several commands, each one word list: what a failed one printed is dropped.
first() {
  for words in "$@"; do
    if text=$(run $words); then
      [ -z "$text" ] || printf '%s\\n' "$text"
      return 0
    fi
  done
  return 1
}

# Legacy iptables tables, where the kernel has some.
legacy() {
  names=$(run cat "$2") || names=
  [ -n "$names" ] || return 0
  if has "$1"; then run "$1"; else echo "${unlistedHeading(['$names'])}"; fi
}

filters() {
  for device in $(run tc qdisc show | sed -n -e 's/^qdisc clsact .* dev \\([^ ]*\\) .*/\\1/p' -e 's/^qdisc ingress .* dev \\([^ ]*\\) .*/\\1/p'); do
    for direction in ingress egress; do
      echo "${filterHeading('$device', '$direction' as 'ingress')}"
      run tc filter show dev "$device" "$direction"
    done
  done
}

# By which a file that was cut off on its way can be told.
sums() {
  has cksum && (
    cd "$dir" || exit 1
    for file in *.json *.txt; do
      [ "$file" = cksum.txt ] || [ ! -f "$file" ] || cksum "$file"
    done
  )
}

keep() {
  if "$2" >"$dir/$1.part"; then mv "$dir/$1.part" "$dir/$1"; else rm -f "$dir/$1.part"; fi
}
`;

const TAIL = `dir=$out
collect
seen=" $(stat -Lc %i /proc/self/ns/net) "
for handle in ${NAMESPACE_DIRECTORIES.map((directory) => `${directory}/*`).join(' ')}; do
  inode=$(stat -Lc %i "$handle" 2>/dev/null) || continue
  case $seen in *" $inode "*) continue ;; esac
  seen="$seen$inode "
  enter="nsenter --net=$handle"
  $enter true 2>/dev/null || continue
  dir=$out/netns/\${handle##*/}
  collect
done
echo "$out" >&2
`;

function functionName(file: string): string {
  return `dump_${file.replaceAll(/\W/g, '_')}`;
}

/** The file is kept if any step has something. */
function renderFile({ file, steps }: CollectedFile): string {
  const lines = steps.map((step) => `  ${renderStep(step)} && found=0`);
  return `${functionName(file)}() {\n  found=1\n${lines.join('\n')}\n  return $found\n}`;
}

function renderStep(step: CollectionStep): string {
  switch (step.kind) {
    case 'command':
      return `first ${step.alternatives.map((words) => quoted(words.join(' '))).join(' ')}`;
    case 'file':
      return `run cat ${step.path}`;
    case 'legacy-tables':
      return `legacy ${step.program} ${step.names}`;
    case 'traffic-filters':
      return 'filters';
    default: {
      const never: never = step;
      return never;
    }
  }
}

function quoted(text: string): string {
  return `'${text}'`;
}
