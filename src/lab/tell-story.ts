import { formatAddress } from '../address/address.ts';
import type { Participant } from '../probe/matrix.ts';
import { formatSocketAddress } from '../probe/socket/socket-address.ts';
import { ask, parseStandInReport } from './ask.ts';
import { OUTSIDE, type Sighting, type Story, type StoryEvent, type StoryPacket } from './model/story.ts';
import { receiverOf } from './path-probe.ts';

/** Sends the packets of a story, one after the other, and tells it with what was seen of them. */
export async function tellStory(
  { title, text, steps }: Story,
  participants: readonly Participant[],
  emit: (event: StoryEvent) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  await emit({ kind: 'head', title, text });
  for (const { packets, ...step } of steps) {
    const sightings: Sighting[] = [];
    for (const packet of packets) sightings.push(await send(packet, participants, signal));
    await emit({ kind: 'step', title: step.title, text: step.text, sightings, moral: step.moral });
  }
}

async function send(packet: StoryPacket, participants: readonly Participant[], signal: AbortSignal): Promise<Sighting> {
  const { from, meant, address, port } = packet;
  const about = { from, meant, target: formatSocketAddress({ address, port }) };
  const sender = participants.find(({ id }) => id === from);
  if (sender === undefined) return { ...about, failure: `${from} isn't there` };
  const asked = await ask(sender.namespace, address, port, signal);
  if (asked.kind === 'failed') return { ...about, failure: asked.reason };
  const source = formatAddress(asked.sentFrom);
  const answer = parseStandInReport(asked.body);
  if (answer !== undefined) {
    const sees = formatAddress(answer.client.address);
    return { ...about, source, by: receiverOf(answer, participants), sees, at: formatSocketAddress(answer.server) };
  }
  const sees = /You are (\S+)\.$/m.exec(asked.body)?.[1]?.replace(/^::ffff:/, '');
  return { ...about, source, by: OUTSIDE, at: about.target, ...(sees !== undefined && { sees }) };
}
